"""The currency of an amount."""

from __future__ import annotations

import pytest

from shared.normalization import currency


@pytest.mark.parametrize(
    ("sign", "text", "expected"),
    [
        ("RM", "", "MYR"),
        ("MYR", "", "MYR"),
        ("€", "", "EUR"),
        ("£", "", "GBP"),
        ("US$", "", "USD"),
        ("", "JALAN SS2, SELANGOR", "MYR"),
        ("", "ABC SDN BHD", "MYR"),
        ("$", "ABC SDN BHD, JALAN SS2", "MYR"),
        ("$", "AUSTIN, TX 78765", "USD"),
        ("$", "12 ORCHARD RD SINGAPORE", "SGD"),
        ("$", "12 HIGH STREET", None),
        ("", "AUSTIN, TX 78765 $4.00", "USD"),
        ("", "BERLIN 3,50 €", "EUR"),
        ("", "8005 ZÜRICH MWST\nCHF 31.85\nTOTAL IN EUR 32.60", "CHF"),
        ("", "TOTAL 37.53\nBREAD 30.00\nMILK 7.53\nDCC GBP 64.14\n1 USD = 1.7090 GBP\nAUSTIN, TX 78701", "USD"),
        ("N", "N8,450.00", "NGN"),
        (
            "",
            "2000 MARIBOR\nDDV ID SI12345679\nwww.klet.si\nJAJCA 10.77\nPRŠUT 24.66\nVODA 2.20\nZNESEK 37.63\n"
            "KARTICA 37.63\nTOTAL USD 44.12",
            "EUR",
        ),
        ("", "3.50 EUR OR 3.20 GBP", None),
        ("", "12 HIGH STREET", None),
    ],
)
def test_currency_only_where_the_receipt_tells(sign: str, text: str, expected: str | None) -> None:
    assert currency(sign, text) == expected


@pytest.mark.parametrize(
    ("sign", "text", "expected"),
    [
        ("R$", "", "BRL"),
        ("ZŁ", "", "PLN"),
        ("KR", "MOMS 25%\nCVR-nr 35954716", "DKK"),
        ("KR", "varav moms\nOrg.nr 556021-0261", "SEK"),
        ("RS", "GSTIN 27AAPFU0939F1ZV\nMUMBAI", "INR"),
        ("¥", "TOTAL ¥1280", "JPY"),
        ("RM", "CNPJ 00.000.000/0001-91\nRIO DE JANEIRO", "BRL"),
        ("$", "12 High Street\nLondon SW1A 1AA", "USD"),
        ("", "12 High Street\nLondon SW1A 1AA\nTotal\t40,00\t$", "USD"),
        ("", "212040401 KC MASTERPIECE $3.39\nSALES TAX", "USD"),
        ("", "SUMA PLN\nNIP 9370008168", "PLN"),
        ("", "Auckland\nEFTPOS 31.44\nGST no", "NZD"),
    ],
)
def test_reads_signs_of_several_currencies_by_country(sign: str, text: str, expected: str) -> None:
    assert currency(sign, text) == expected

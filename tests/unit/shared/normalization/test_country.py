"""The country of a receipt, from what it prints."""

from __future__ import annotations

import pytest

from shared.normalization import infer_country


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("TOTAL RM 9.00", "MY"),
        ("ABC SDN BHD", "MY"),
        ("12 MAIN ST\nNEW YORK, NY 10001", "US"),
        ("Carrefour Polska Sp. z o.o.\nSUMA PLN 12,34", "PL"),
        ("Tel +65 6221 2121\nTOTAL $5.35", "SG"),
        ("www.baeckerei-schmidt.de\nGmbH\n3,20", "DE"),
        ("CNPJ 00.000.000/0001-91\nTOTAL 28,20", "BR"),
        ("TVA 5.50%\nSIRET 732 829 320 00074\n33110 LE BOUSCAT", "FR"),
        ("CHF 1'234.50", "CH"),
        ("77 SUMMER ST\nBOSTON MA 02110\nTOTAL $24.00", "US"),
        ("20121 MILANO (MI)\nSCONTRINO", "IT"),
        # The rate of a card company tells nothing.
        ("NASHVILLE, TN 37239\nTAX 2.21\nTOTAL 37.53\nDCC GBP 64.14\n1 USD = 1.7090 GBP", "US"),
    ],
)
def test_infers_the_country(text: str, code: str) -> None:
    country = infer_country(text)
    assert country.code == code
    assert country.evidence
    assert 0 < country.probability <= 1


@pytest.mark.parametrize(
    "text", ["", "TOTAL 9.00", "Crew ID 30636", "Turkey sandwich 5.00", "3.50 €", "04512 Silom Soi"]
)
def test_does_not_guess_a_country(text: str) -> None:
    assert infer_country(text).code is None


def test_default_counts_only_where_the_receipt_does_not_tell() -> None:
    assert infer_country("TOTAL 9.00", default="ZA").code == "ZA"
    assert infer_country("TOTAL RM 9.00", default="ZA").code == "MY"


def test_evidence_says_what_is_printed() -> None:
    (strongest, *_) = infer_country("Tel +65 6221 2121\nTOTAL $5.35").evidence
    assert (strongest.kind, strongest.text, strongest.countries) == ("phone", "+65 6221 2121", frozenset({"SG"}))

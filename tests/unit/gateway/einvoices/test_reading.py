"""What invoices in XML say, and what of it is refused."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from gateway.einvoices.reading import read_einvoice
from gateway.einvoices.xml import MAX_BYTES, EInvoiceError
from shared.contracts import EInvoice
from tests.support.einvoices import build_line, build_terms, write_einvoice

# Written by hand after the specification, of a profile without lines and with an unknown name.
MINIMUM = """<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
  xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
  xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100">
  <rsm:ExchangedDocumentContext><ram:GuidelineSpecifiedDocumentContextParameter><ram:ID>urn:example:own</ram:ID>
  </ram:GuidelineSpecifiedDocumentContextParameter></rsm:ExchangedDocumentContext>
  <rsm:ExchangedDocument><ram:ID> F 12/3 </ram:ID><ram:TypeCode>381</ram:TypeCode>
    <ram:IssueDateTime><udt:DateTimeString format="102">20250131</udt:DateTimeString></ram:IssueDateTime>
  </rsm:ExchangedDocument>
  <rsm:SupplyChainTradeTransaction>
    <ram:ApplicableHeaderTradeAgreement><ram:SellerTradeParty><ram:Name>Café &amp; Co</ram:Name>
      <ram:PostalTradeAddress><ram:CountryID>fr</ram:CountryID></ram:PostalTradeAddress>
    </ram:SellerTradeParty></ram:ApplicableHeaderTradeAgreement>
    <ram:ApplicableHeaderTradeDelivery/>
    <ram:ApplicableHeaderTradeSettlement><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
      <ram:SpecifiedTradeSettlementHeaderMonetarySummation>
        <ram:TaxBasisTotalAmount>100</ram:TaxBasisTotalAmount>
        <ram:TaxTotalAmount currencyID="EUR">20.00</ram:TaxTotalAmount>
        <ram:GrandTotalAmount>AMOUNT</ram:GrandTotalAmount>
      </ram:SpecifiedTradeSettlementHeaderMonetarySummation>
    </ram:ApplicableHeaderTradeSettlement>
  </rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>"""


def read(data: bytes) -> EInvoice:
    values = read_einvoice(data)
    assert values is not None
    return EInvoice.model_validate(values)


@pytest.mark.parametrize("syntax", ["cii", "ubl"])
def test_reads_both_syntaxes(syntax: Literal["cii", "ubl"]) -> None:
    found = read(write_einvoice(syntax)).model_dump(exclude_defaults=True)
    items = [
        {"description": "Printer paper", "quantity": "2", "unit_price": "4.50", "amount": "9.00", "code": "A-1"},
        {"description": "Coffee", "quantity": "2.5", "unit": "kg", "unit_price": "4.00", "amount": "10.00"}
        | {"code": "A-2"},
    ]
    assert found == {
        **{"syntax": syntax, "specification": "urn:cen.eu:en16931:2017", "receipt_number": "RE-2025-0471"},
        **{"date": "2025-11-25", "due_date": "2025-12-09", "seller": "Sample Office GmbH", "street": "Hauptstr. 1"},
        **{"postal_code": "10115", "city": "Berlin", "country": "DE", "tax_id": "DE136695976"},
        **{"phone": "+49 30 901820", "buyer": "Sample Company AG", "currency": "EUR", "subtotal": "19.00"},
        **{"tax": "3.61", "total": "22.61", "due": "22.61", "payment_means": "58", "items": items},
        "taxes": [{"rate": "19", "base": "19.00", "amount": "3.61"}],
        "identifiers": {"iban": "DE02120300000000202051", "reference": "RE-2025-0471"},
    }


@pytest.mark.parametrize("syntax", ["cii", "ubl"])
def test_reads_credit_notes_prices_of_several_and_cards(syntax: Literal["cii", "ubl"]) -> None:
    line = build_line(1, "Screws", 200, "XPP", 5.0, 10.0) | {"BT-149": 100}
    found = read(
        write_einvoice(syntax, BT_3="381", BT_81="48", BT_84=None, BT_87="XXXX4711", BT_87_1="V", BG_25=[line])
    )
    assert found.document_type == "refund"
    assert (found.payment_means, found.card_last4) == ("48", "4711")
    assert (found.items[0].unit, found.items[0].unit_price) == (None, "0.05")


def test_reads_what_follows_no_known_profile() -> None:
    found = read(MINIMUM.replace("AMOUNT", "120.00").encode()).model_dump(exclude_defaults=True)
    assert found == {
        **{"syntax": "cii", "specification": "urn:example:own", "document_type": "refund"},
        **{"receipt_number": "F 12/3", "date": "2025-01-31", "seller": "Café & Co", "country": "FR"},
        **{"currency": "EUR", "subtotal": "100", "tax": "20.00", "total": "120.00"},
    }


@pytest.mark.parametrize("amount", ["NaN", "1e400", "1E+9999999", "1e20", "12,50", "", "١٢", "--1"])
def test_leaves_out_what_is_no_amount(amount: str) -> None:
    assert read(MINIMUM.replace("AMOUNT", amount).encode()).total is None


@pytest.mark.parametrize(
    ("amount", "said"),
    [("1E1", "10"), ("0E+999999", "0"), ("1E-999999", "0"), ("0.123456", "0.1235"), ("-0.00", "0.00")],
)
def test_writes_amounts_plainly(amount: str, said: str) -> None:
    assert read(MINIMUM.replace("AMOUNT", amount).encode()).total == said


def refuse(data: bytes) -> str:
    with pytest.raises(EInvoiceError) as caught:
        read_einvoice(data)
    return str(caught.value)


def with_type(declaration: str, reference: str = "&a;") -> bytes:
    head, body = MINIMUM.split("\n", 1)
    return f"{head}<!DOCTYPE x [{declaration}]>{body.replace('Café', reference)}".encode()


def test_refuses_document_types(tmp_path: Any) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    laughs = "".join(f"<!ENTITY a{n} '{f'&a{n + 1};' * 10}'>" for n in range(9)) + "<!ENTITY a9 'ha'>"
    for data in (
        with_type(f"<!ENTITY a SYSTEM 'file://{secret}'>"),
        with_type("<!ENTITY a SYSTEM 'http://127.0.0.1:9/'>"),
        with_type("<!ENTITY % p SYSTEM 'http://127.0.0.1:9/'> %p;", "x"),
        with_type(laughs, "&a0;"),
    ):
        assert refuse(data) in ("it has a document type", "it is not well-formed")


def test_refuses_what_is_damaged_old_or_too_large() -> None:
    assert refuse(MINIMUM.encode()[:-9]) == "it is not well-formed"
    assert refuse(b"") == "it is not well-formed"
    assert refuse(b" " * (MAX_BYTES + 1)) == "it has more than 8,388,608 bytes"
    old = b'<r:CrossIndustryDocument xmlns:r="urn:ferd:CrossIndustryDocument:invoice:1p0"/>'
    assert refuse(old) == "it follows ZUGFeRD 1.0"
    assert "values" in refuse(MINIMUM.replace("20250131", "yesterday").encode())
    text = write_einvoice(BG_25=[build_terms()["BG-25"][0]]).decode()
    start, end = text.index("<ram:IncludedSupply"), text.index("<ram:ApplicableHeaderTradeAgreement")
    many = text[:start] + text[start:end] * 1_001 + text[end:]
    assert refuse(many.encode()) == "it has more than 1,000 lines"


def test_other_xml_is_no_invoice() -> None:
    assert read_einvoice(b"<svg xmlns='http://www.w3.org/2000/svg'/>") is None
    assert read_einvoice(b"<Invoice/>") is None

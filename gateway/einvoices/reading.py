"""Read what an invoice in XML says, with the library factur-x. Runs in a process that can be killed.

The library returns the values by the numbers of EN 16931-1, section 6: business terms (BT) and groups of them (BG).
Nothing is checked against the schemas: an invoice that breaks a rule still says what is to be paid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from facturx import parse_ubl_cii_xml
from lxml import etree

from gateway.einvoices.units import name_unit
from gateway.einvoices.xml import FLAVORS, EInvoiceError, parse_xml

# The library reads every line with a hundred paths: this many take half a second.
_MAX_ITEMS = 1_000
_MAX_TAXES = 100
_MAX_LENGTH = 300
# UNTDID 1001: what is owed to the buyer.
_CREDIT_NOTES = frozenset({"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"})
_MAX_DIGITS = 15
_DECIMALS = Decimal("0.0001")
_LINES = ("{*}SupplyChainTradeTransaction/{*}IncludedSupplyChainTradeLineItem", "{*}InvoiceLine", "{*}CreditNoteLine")
# Scans of the invoice as text, which are of no use here.
_BINARY = ("{*}AttachmentBinaryObject", "{*}EmbeddedDocumentBinaryObject")

Terms = Mapping[str, Any]


def read_einvoice(data: bytes) -> dict[str, Any] | None:
    """Return what an invoice says, as values for `EInvoice`; None if the XML is not an invoice.

    Raises:
        EInvoiceError: If it cannot be read.
    """
    root = parse_xml(data)
    if root is None:
        return None
    flavor = FLAVORS[root.tag]
    _check_items(root)
    for path in _BINARY:
        for element in root.iter(path):
            element.text = None
    try:
        # The level only says which terms are looked for; the name of the specification need not be a known one.
        terms = parse_ubl_cii_xml(root, flavor=flavor, level="en16931", check_xsd=False)
    # The library raises anything for values that it does not expect.
    except Exception as error:
        raise EInvoiceError("it has values that its standard does not allow") from error
    return _drop_empty({"syntax": "cii" if flavor == "factur-x" else "ubl", **_build_values(terms)})


def _check_items(root: etree._Element) -> None:
    count = sum(1 for path in _LINES for _ in root.iterfind(path))
    if count > _MAX_ITEMS:
        raise EInvoiceError(f"it has more than {_MAX_ITEMS:,} lines")


def _build_values(terms: Terms) -> dict[str, Any]:
    seller, buyer = _get_group(terms, "BG-4"), _get_group(terms, "BG-7")
    contacts = _list_groups(seller, "contacts")
    card = "".join(filter(str.isdigit, _get_text(terms, "BT-87") or ""))[-4:]
    return {
        "specification": _get_text(terms, "BT-24"),
        "document_type": "refund" if _get_text(terms, "BT-3") in _CREDIT_NOTES else "invoice",
        "receipt_number": _get_text(terms, "BT-1"),
        "date": _get_date(terms, "BT-2"),
        "due_date": _get_date(terms, "BT-9"),
        "seller": _get_text(seller, "name") or _get_text(seller, "biz_name"),
        "street": ", ".join(filter(None, (_get_text(seller, f"addr_l{number}") for number in (1, 2, 3)))),
        "postal_code": _get_text(seller, "postcode", 50),
        "city": _get_text(seller, "city", 200),
        "country": _get_code(seller, "country_code", 2),
        "tax_id": _get_text(seller, "vat_identifier", 50) or _get_text(seller, "tax_identifier", 50),
        "phone": next((phone for one in contacts if (phone := _get_text(one, "phone", 100))), None),
        "buyer": _get_text(buyer, "name"),
        "currency": _get_code(terms, "BT-5", 3),
        "subtotal": _get_number(terms, "BT-106") or _get_number(terms, "BT-109"),
        "discount": _get_number(terms, "BT-107"),
        "charge": _get_number(terms, "BT-108"),
        "tax": _get_number(terms, "BT-110"),
        "total": _get_number(terms, "BT-112"),
        "paid": _get_number(terms, "BT-113"),
        "due": _get_number(terms, "BT-115"),
        "taxes": [_build_tax(row) for row in _list_groups(terms, "BG-23")[:_MAX_TAXES]],
        "items": [_build_item(line) for line in _list_groups(terms, "BG-25")],
        "payment_means": _get_text(terms, "BT-81", 10),
        "card_last4": card if len(card) == 4 else None,
        "identifiers": _drop_empty(
            {
                "iban": _get_text(terms, "BT-84"),
                "reference": _get_text(terms, "BT-83"),
                "bic": _get_text(terms, "BT-86"),
            }
        ),
    }


def _build_tax(row: Terms) -> dict[str, Any]:
    parts = {"rate": "BT-119", "base": "BT-116", "amount": "BT-117"}
    return _drop_empty({name: _get_number(row, term) for name, term in parts.items()})


def _build_item(line: Terms) -> dict[str, Any]:
    return _drop_empty(
        {
            "description": _get_text(line, "BT-153") or _get_text(line, "BT-154"),
            "quantity": _get_number(line, "BT-129"),
            "unit": name_unit(_get_text(line, "BT-130", 10)),
            "unit_price": _find_unit_price(line),
            "amount": _get_number(line, "BT-131"),
            "code": _get_text(line, "BT-157", 100) or _get_text(line, "BT-155", 100),
        }
    )


def _find_unit_price(line: Terms) -> str | None:
    """Return the price of one unit; it may be stated for several (BT-149)."""
    price, count = _get_number(line, "BT-146"), Decimal(_get_number(line, "BT-149") or 1)
    if price is None or count <= 1:
        return price
    return _format(Decimal(price) / count)


def _get_group(terms: Terms, name: str) -> Terms:
    value = terms.get(name)
    return value if isinstance(value, dict) else {}


def _list_groups(terms: Terms, name: str) -> Sequence[Terms]:
    value = terms.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _get_first(terms: Terms, name: str) -> Any:
    """Return a value; the first of several, where the standard allows one."""
    value = terms.get(name)
    return value[0] if isinstance(value, list) and value else value


def _get_text(terms: Terms, name: str, max_length: int = _MAX_LENGTH) -> str | None:
    value = _get_first(terms, name)
    if not isinstance(value, str):
        return None
    text = " ".join("".join(one if one.isprintable() else " " for one in value).split())
    return text[:max_length] or None


def _get_code(terms: Terms, name: str, length: int) -> str | None:
    code = (_get_text(terms, name) or "").upper()
    return code if len(code) == length and code.isascii() and code.isalpha() else None


def _get_date(terms: Terms, name: str) -> str | None:
    value = _get_first(terms, name)
    return value.isoformat() if hasattr(value, "isoformat") else None


def _get_number(terms: Terms, name: str) -> str | None:
    text = _get_text(terms, name)
    if text is None or not text.isascii():
        return None
    try:
        return _format(Decimal(text))
    except ArithmeticError:  # not a number, or one that no decimal can be computed with
        return None


def _format(number: Decimal) -> str | None:
    """Return a decimal number with at most four decimals; None if it has too many digits."""
    if not number.is_finite() or abs(number) >= 10**_MAX_DIGITS:
        return None
    if -int(number.as_tuple().exponent) > 4:
        number = number.quantize(_DECIMALS).normalize()
    return f"{abs(number) if number == 0 else number:f}"


def _drop_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}

"""Invoices in XML, and PDFs that contain them."""

from __future__ import annotations

import io
from typing import Any, Literal

import pypdfium2 as pdfium
from facturx import generate_xml

_PARTY = {"addr_l1": "Hauptstr. 1", "postcode": "10115", "city": "Berlin", "country_code": "DE"}


def build_terms(**changes: Any) -> dict[str, Any]:
    """Return the business terms of an invoice, by their numbers in EN 16931; `BT_1` changes BT-1."""
    terms = {
        **{"BT-1": "RE-2025-0471", "BT-2": "2025-11-25", "BT-3": "380", "BT-5": "EUR", "BT-9": "2025-12-09"},
        "BG-4": {
            **_PARTY,
            "name": "Sample Office GmbH",
            "vat_identifier": "DE136695976",
            "contacts": [{"name": "Sales", "phone": "+49 30 901820"}],
        },
        "BG-7": {**_PARTY, "name": "Sample Company AG"},
        **{"BT-72": "2025-11-25", "BT-81": "58", "BT-83": "RE-2025-0471", "BT-84": "DE02120300000000202051"},
        "BG-23": [{"BT-116": 19.0, "BT-117": 3.61, "BT-118": "S", "BT-119": 19.0}],
        "BG-25": [build_line(1, "Printer paper", 2, "C62", 4.5, 9.0), build_line(2, "Coffee", 2.5, "KGM", 4.0, 10.0)],
        **{"BT-106": 19.0, "BT-109": 19.0, "BT-110": 3.61, "BT-112": 22.61, "BT-115": 22.61},
    }
    return terms | {name.replace("_", "-"): value for name, value in changes.items()}


def build_line(number: int, name: str, quantity: float, unit: str, price: float, amount: float) -> dict[str, Any]:
    """Return the business terms of a line."""
    known = {"BT-126": str(number), "BT-151": "S", "BT-152": 19.0, "BT-153": name, "BT-155": f"A-{number}"}
    return known | {"BT-129": quantity, "BT-130": unit, "BT-146": price, "BT-131": amount}


def write_einvoice(syntax: Literal["cii", "ubl"] = "cii", **changes: Any) -> bytes:
    """Return an invoice that is valid by the schema of its syntax."""
    flavor = "factur-x" if syntax == "cii" else "ubl-2.1"
    return bytes(generate_xml(build_terms(**changes), flavor=flavor, level="en16931", check_schematron=False))


def attach(document: bytes, **files: bytes) -> bytes:
    """Return a PDF with files attached; `factur_x_xml` is the name factur-x.xml."""
    with pdfium.PdfDocument(document) as pdf:
        for name, data in files.items():
            stem, _, suffix = name.rpartition("_")
            pdf.new_attachment(f"{stem.replace('_', '-')}.{suffix}").set_data(data)
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()

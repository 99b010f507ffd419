"""Invoices in PDFs."""

from __future__ import annotations

import pytest

from gateway.einvoices.attachments import find_einvoice
from gateway.einvoices.xml import EInvoiceError
from tests.support.documents import build_text_pdf
from tests.support.einvoices import attach, write_einvoice

PAGE = build_text_pdf([("Total 22.61", 40, 40)])


def test_finds_the_invoice_among_attachments() -> None:
    files = {"terms_txt": b"...", "drawing_xml": b"<svg/>", "xrechnung_XML": write_einvoice("ubl")}
    found = find_einvoice(attach(PAGE, **files))
    assert found is not None
    assert (found["syntax"], found["total"]) == ("ubl", "22.61")


def test_other_documents_have_none() -> None:
    assert find_einvoice(PAGE) is None
    assert find_einvoice(b"%PDF-1.7 damaged") is None
    assert find_einvoice(attach(PAGE, factur_x_txt=write_einvoice())) is None


def test_reports_an_invoice_that_cannot_be_read() -> None:
    with pytest.raises(EInvoiceError):
        find_einvoice(attach(PAGE, factur_x_xml=b"<x"))

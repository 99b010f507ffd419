"""Find the invoice in a PDF. Runs in a process that can be killed.

Factur-X 1.07 (ZUGFeRD 2.3), section 6.2: an XML file embedded in a PDF/A-3 (ISO 19005-3). Its name tells the standard,
but writers do not agree on it, so every embedded XML file is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pypdfium2 as pdfium

# Documents may have many attachments, but the invoice is one of the first.
_MAX_ATTACHMENTS = 16


def find_einvoice(data: bytes) -> dict[str, Any] | None:
    """Return what the invoice in a PDF says, as values for `EInvoice`; None if there is none.

    Raises:
        EInvoiceError: If there is one that cannot be read.
    """
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError:
        # Rendering says what is wrong with the document.
        return None
    with document:
        for xml in _list_xml(document):
            # Takes 0.4 s to import, which senders of other documents should not wait for.
            from gateway.einvoices.reading import read_einvoice

            values = read_einvoice(xml)
            if values is not None:
                return values
    return None


def _list_xml(document: pdfium.PdfDocument) -> Iterator[bytes]:
    for index in range(min(document.count_attachments(), _MAX_ATTACHMENTS)):
        attachment = document.get_attachment(index)
        if not attachment.get_name().lower().endswith(".xml"):
            continue
        try:
            yield bytes(attachment.get_data())
        except pdfium.PdfiumError:
            # An entry without a file; the next one may be the invoice.
            continue

"""Parse the XML of an invoice, which anyone may have written.

XML may ask its reader to open files and addresses, or grow without bounds as it is read (OWASP, "XML External Entity
Prevention Cheat Sheet"). An invoice needs no document type, so one that has it is refused before anything is expanded.
"""

from __future__ import annotations

from lxml import etree

MAX_BYTES = 8 * 1024 * 1024
"""Maximum size; invoices of many lines have 1 MB, and some contain scans as text."""

# Namespaces of what EN 16931 allows: UN/CEFACT D16B or later, and UBL 2.1 (CEN/TS 16931-3-2 and -3-3).
_CII = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:{0}-2"
FLAVORS = {
    f"{{{_CII}}}CrossIndustryInvoice": "factur-x",
    f"{{{_UBL.format('Invoice')}}}Invoice": "ubl-2.1-invoice",
    f"{{{_UBL.format('CreditNote')}}}CreditNote": "ubl-2.1-creditnote",
}
"""Names of the library for the syntaxes, by the root element."""

# ZUGFeRD 1.0 of 2014, which no library reads any more.
_OLD_ROOTS = frozenset({"{urn:ferd:CrossIndustryDocument:invoice:1p0}CrossIndustryDocument"})


class EInvoiceError(ValueError):
    """An invoice in XML cannot be read."""


def parse_xml(data: bytes) -> etree._Element | None:
    """Return the root of an invoice; None if the XML is something else.

    Raises:
        EInvoiceError: If it is not well-formed, too large, has a document type, or is of a standard that is not read.
    """
    if len(data) > MAX_BYTES:
        raise EInvoiceError(f"it has more than {MAX_BYTES:,} bytes")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise EInvoiceError("it is not well-formed") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise EInvoiceError("it has a document type")
    if root.tag in _OLD_ROOTS:
        raise EInvoiceError("it follows ZUGFeRD 1.0")
    return root if root.tag in FLAVORS else None

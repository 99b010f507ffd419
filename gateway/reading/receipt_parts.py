"""The parts of a receipt: what was read on its pages, what the extractor is asked, and the receipt of both.

The gateway, which calls the stages over HTTP, and bulk extraction, which does not, build the same receipts here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from gateway.codes.reader import CODES_UNREAD
from gateway.documents.renderer import EINVOICE_UNREAD
from gateway.evidence.applying import apply_statements
from gateway.evidence.einvoice import apply_einvoice
from gateway.evidence.statement import build_statements
from gateway.reading.page_quality import find_warnings, show_receipts
from gateway.reading.page_reader import PageReading, check_line_count
from gateway.reading.several.separation import confirm_areas
from gateway.reading.sources import mark_text_layer
from shared.contracts import (
    Extracted,
    ExtractRequest,
    Fields,
    Line,
    Models,
    PageSize,
    Receipt,
    ReceiptWarning,
    Timings,
)

_CODES_UNREAD = ReceiptWarning(
    code=CODES_UNREAD, detail="QR codes and barcodes were not read. Read the receipt again later if it has any."
)


_EINVOICE_CONTRADICTED = ReceiptWarning(
    code="einvoice-contradicted",
    detail="The print says something else than the invoice in XML that the file contains. See the checks, and ask the "
    "seller which is right.",
)
_EINVOICE_UNREAD = ReceiptWarning(
    code=EINVOICE_UNREAD,
    detail="The file contains an invoice in XML that could not be read. The receipt is as it is printed.",
)


@dataclass(frozen=True)
class Extraction:
    """What the extractor found in the text of a receipt.

    Attributes:
        found: Its answer; without fields if it was not asked, because there is no text.
        model: Version of its model; None if it was not asked.
        milliseconds: Duration of the call.
    """

    found: Extracted
    model: str | None = None
    milliseconds: float = 0.0


NOTHING_EXTRACTED = Extraction(Extracted(fields=Fields()))


def build_extract_request(readings: Sequence[PageReading]) -> ExtractRequest | None:
    """Return the text of all pages as a request to the extractor; None if there is none.

    Raises:
        ProblemError: 413 if there is too much text.
    """
    lines = [line for reading in readings for line in reading.lines]
    check_line_count(len(lines))
    if not lines:
        return None
    sizes = [PageSize(width=reading.page.width, height=reading.page.height) for reading in readings]
    return ExtractRequest(pages=sizes, lines=lines)


async def find_receipts(
    reading: PageReading, extract: Callable[[Sequence[PageReading]], Awaitable[Extraction]]
) -> PageReading:
    """Return a page with the outlines of its receipts, if there are several.

    Args:
        reading: The page.
        extract: Asks the extractor for the text of pages.
    """
    if not reading.areas or reading.page.outline is not None:
        return reading

    async def extract_part(lines: list[Line]) -> Extracted:
        # The request has this page only.
        alone = [line.model_copy(update={"page": 0}) for line in lines]
        return (await extract([replace(reading, lines=alone)])).found

    outlines = await confirm_areas(reading.areas, reading.lines, extract_part)
    return replace(reading, page=show_receipts(reading.page, outlines, reading.areas))


def build_receipt(
    receipt_id: str, readings: Sequence[PageReading], extraction: Extraction, *, models: Models, decode_ms: float
) -> Receipt:
    """Return a receipt, with lines in reading order.

    Args:
        receipt_id: The ID, from the bytes sent.
        readings: The pages, in order.
        extraction: What the extractor found in the text of these pages.
        models: Versions of the models; those of stages that answered replace them.
        decode_ms: Milliseconds that rendering took.
    """
    lines = [line for reading in readings for line in reading.lines]
    codes = [code for reading in readings for code in reading.codes or []]
    mark_text_layer(extraction.found, lines)
    einvoice = next((reading.einvoice for reading in readings if reading.einvoice is not None), None)
    found = extraction.found
    if einvoice is not None:
        found = apply_einvoice(found, lines, einvoice, readings[0].page)
    found = apply_statements(found, lines, build_statements(codes))
    warnings = [*find_warnings([reading.page for reading in readings]), *_find_evidence_warnings(readings, found)]
    used = {stage: model for reading in readings for stage, model in reading.models.items()}
    if extraction.model is not None:
        used["extractor"] = extraction.model
    return Receipt(
        id=receipt_id,
        pages=[reading.page for reading in readings],
        **{name: getattr(found, name) for name in Extracted.model_fields},
        lines=lines,
        codes=codes,
        einvoice=einvoice,
        warnings=warnings,
        models=models.model_copy(update=used),
        timings_ms=Timings(
            decode=round(decode_ms, 1),
            detect=round(sum(reading.detect_ms for reading in readings), 1),
            recognize=round(sum(reading.recognize_ms for reading in readings), 1),
            extract=round(extraction.milliseconds, 1),
        ),
    )


def _find_evidence_warnings(readings: Sequence[PageReading], found: Extracted) -> list[ReceiptWarning]:
    """Return the warnings about codes and embedded invoices."""
    warnings = []
    if any(reading.codes is None for reading in readings):
        warnings.append(_CODES_UNREAD)
    if any(reading.has_unread_einvoice for reading in readings):
        warnings.append(_EINVOICE_UNREAD)
    if any(check.holds is False for check in found.checks if check.name.startswith("einvoice_")):
        warnings.append(_EINVOICE_CONTRADICTED)
    return warnings

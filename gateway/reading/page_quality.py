"""Judge by the reading of a page how far it can be relied on: no receipt, several of them, or not readable.

What limits reading in the picture itself, such as blur, is measured by the detector. A page whose text was found but
not read must not look like one without text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gateway.reading.legibility import View, measure_legibility
from shared.contracts import (
    CutEdges,
    Page,
    PageQuality,
    PictureQuality,
    Quad,
    ReceiptArea,
    ReceiptWarning,
    RecognizedText,
)

SEVERAL_RECEIPTS, UNREADABLE = "several-receipts", "unreadable"
# Score from which something is worth a warning.
MATTERS = 0.5
# For each score, the value at which it is 0.5, and the change by which it becomes 0.73: a logistic curve. The
# legibility of validation receipts is at least 0.73 (SROIE) and 0.53 (WildReceipt).
_LEGIBILITY, _LEGIBLE_CHARACTERS = (0.45, -0.04), (12.0, -4.0)
# Confidence from which a text counts as read.
_LEGIBLE = 0.5
# Number of segments at which the doubt whether they are text at all falls to a third.
_SEGMENTS_OF_RECEIPT = 8
_DECIMALS = 2
_NO_PICTURE_QUALITY = PictureQuality(blur=0.0, darkness=0.0, glare=0.0, low_resolution=0.0, cut_off=CutEdges())


def judge_page(picture: PictureQuality | None, texts: Sequence[RecognizedText]) -> PageQuality:
    """Return the quality of a page.

    Args:
        picture: What the detector measured; None if it did not.
        texts: What was read in all of its segments, also if that is nothing.
    """
    picture = picture or _NO_PICTURE_QUALITY
    unread = sum(not text.text.strip() for text in texts)
    share = 1 - unread / len(texts) if texts else 0.0
    unreadable = _score(share * measure_legibility(texts), _LEGIBILITY) if texts else 0.0
    legible = sum(len(text.text.strip()) for text in texts if text.confidence >= _LEGIBLE)
    no_receipt = _score(legible, _LEGIBLE_CHARACTERS) * math.exp(-len(texts) / _SEGMENTS_OF_RECEIPT) if texts else 1.0
    return PageQuality(
        **{name: getattr(picture, name) for name in PictureQuality.model_fields},
        no_receipt=round(no_receipt, _DECIMALS),
        several_receipts=0.0,
        unreadable=round(unreadable, _DECIMALS),
    )


def turn_quality(picture: PictureQuality | None, view: View) -> PictureQuality | None:
    """Return the quality of a picture in another view, in which other edges are on the left or at the top."""
    if picture is None:
        return None
    sides = [picture.cut_off.left, picture.cut_off.top, picture.cut_off.right, picture.cut_off.bottom]
    turns = view.turn // 90 % 4
    left, top, right, bottom = sides[turns:] + sides[:turns]
    if view.is_mirrored:
        left, right = right, left
    return picture.model_copy(update={"cut_off": CutEdges(left=left, top=top, right=right, bottom=bottom)})


def show_receipts(page: Page, outlines: Sequence[Quad], areas: Sequence[ReceiptArea]) -> Page:
    """Return a page with the outlines of its separate receipts; `areas` is what the detector took for receipts."""
    if not outlines or page.quality is None:
        return page
    score = max(max(area.score for area in areas), MATTERS)
    quality = page.quality.model_copy(update={"several_receipts": score})
    return page.model_copy(update={"receipts": list(outlines), "quality": quality})


def find_warnings(pages: Sequence[Page]) -> list[ReceiptWarning]:
    """Return the warnings about pages that were read as one receipt."""
    warnings = []
    if several := [page for page in pages if page.receipts]:
        count = max(len(page.receipts) for page in several)
        warnings.append(
            ReceiptWarning(
                code=SEVERAL_RECEIPTS,
                detail=f"{_name_pages(pages, several)} shows {count} separate receipts, which were read as one. Send "
                "the file again with split=auto to read each one.",
            )
        )
    if unread := [page for page in pages if page.quality is not None and page.quality.unreadable >= MATTERS]:
        warnings.append(
            ReceiptWarning(
                code=UNREADABLE,
                detail=f"{_name_pages(pages, unread)} has text that could not be read. Do not rely on the fields; send "
                "a better picture.",
            )
        )
    return warnings


def _name_pages(pages: Sequence[Page], named: Sequence[Page]) -> str:
    if len(pages) == 1:
        return "The picture"
    return f"Page {named[0].index + 1}"


def _score(value: float, curve: tuple[float, float]) -> float:
    middle, step = curve
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, (value - middle) / step))))

"""Read an invoice in XML that comes without a document. Runs in a process that can be killed.

XRechnung and Peppol invoices are sent so. Their pages show what they say, for people, and the stages read them like any
other page: the values come from the XML all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from gateway.documents.rendering import Pages, RenderOptions, select_pages
from gateway.einvoices.xml import EInvoiceError
from shared.problems import ProblemError

# A4 at 150 dots per inch.
_WIDTH, _HEIGHT, _MARGIN = 1240, 1754, 100
_FONT_PX, _PITCH_PX = 24, 38
_ROWS_PER_PAGE = (_HEIGHT - 2 * _MARGIN) // _PITCH_PX
_MAX_ITEMS_SHOWN = 150
_MAX_CHARACTERS = 60
_INK, _PAPER = 0, 255

# Text at the left and at the right.
_Row = tuple[str, str]


def read_alone(data: bytes) -> dict[str, Any]:
    """Return what an invoice says, as values for `EInvoice`.

    Raises:
        ProblemError: 422 `einvoice-unreadable`.
    """
    # Takes 0.4 s to import, which senders of other documents should not wait for.
    from gateway.einvoices.reading import read_einvoice

    try:
        values = read_einvoice(data)
    except EInvoiceError as error:
        raise _unreadable_problem(str(error)) from error
    if values is None:
        raise _unreadable_problem("its root element is not that of an invoice")
    return values


def render_einvoice(values: Mapping[str, Any], options: RenderOptions) -> Pages:
    """Draw the pages of an invoice; raise `ProblemError` like `gateway.documents.rendering.render`."""
    rows = list(_write_rows(values))
    pages = [rows[start : start + _ROWS_PER_PAGE] for start in range(0, len(rows), _ROWS_PER_PAGE)]
    for number in select_pages(len(pages), options):
        image = _draw_page(pages[number])
        yield options.finish(image, image.size)


def _write_rows(values: Mapping[str, Any]) -> Iterator[_Row]:
    def get(name: str) -> str:
        return str(values.get(name, ""))

    place = f"{get('postal_code')} {get('city')}".strip()
    for text in (get("seller"), get("street"), place, get("country"), get("tax_id"), get("phone")):
        if text:
            yield text, ""
    title = "Credit note" if get("document_type") == "refund" else "Invoice"
    yield "", ""
    yield f"{title} {get('receipt_number')}".strip(), get("date")
    if "buyer" in values:
        yield f"To: {get('buyer')}", ""
    yield "", ""
    items = values.get("items", [])
    for item in items[:_MAX_ITEMS_SHOWN]:
        yield from _write_item(item)
    if len(items) > _MAX_ITEMS_SHOWN:
        yield f"and {len(items) - _MAX_ITEMS_SHOWN} more", ""
    yield "", ""
    currency = get("currency")
    sums = (("Subtotal", "subtotal"), ("Discount", "discount"), ("Charges", "charge"), ("Tax", "tax"))
    for caption, name in (*sums, ("Total", "total"), ("Paid", "paid"), ("Due", "due")):
        if name in values:
            yield caption, f"{currency} {values[name]}".strip()


def _write_item(item: Mapping[str, Any]) -> Iterator[_Row]:
    yield str(item.get("description", "")), str(item.get("amount", ""))
    count = " ".join(str(item[name]) for name in ("quantity", "unit") if name in item)
    if count and "unit_price" in item:
        yield f"   {count} x {item['unit_price']}", ""


def _draw_page(rows: Sequence[_Row]) -> Image.Image:
    """Draw rows on a page; the font of Pillow has the letters of Latin alphabets."""
    font = ImageFont.load_default(_FONT_PX)
    image = Image.new("L", (_WIDTH, _HEIGHT), _PAPER)
    draw = ImageDraw.Draw(image)
    for number, (left, right) in enumerate(rows):
        y = _MARGIN + number * _PITCH_PX
        draw.text((_MARGIN, y), left[:_MAX_CHARACTERS], _INK, font)
        draw.text((_WIDTH - _MARGIN, y), right[:_MAX_CHARACTERS], _INK, font, anchor="ra")
    return image


def _unreadable_problem(reason: str) -> ProblemError:
    return ProblemError(
        422,
        "einvoice-unreadable",
        "The invoice cannot be read",
        f"The XML is not an invoice that can be read: {reason}. Send a valid invoice in CII or UBL, or its PDF.",
    )

"""Lay out the content of a receipt on a strip of paper."""

from __future__ import annotations

import random
from dataclasses import dataclass

from synthesis.content.receipt import Content
from synthesis.printing.header import print_facts, print_header
from synthesis.printing.items import print_items
from synthesis.printing.sheet import Sheet
from synthesis.printing.signs import draw_name_style, draw_receipt_face
from synthesis.printing.till import Till
from synthesis.printing.totals import print_footer, print_tax_summary, print_totals
from synthesis.printing.typography import NEEDLE_FACES, PLAIN, Face, can_print, draw_face, draw_zero


@dataclass(frozen=True)
class Printed:
    """A printed strip.

    Attributes:
        sheet: The paper.
        entities: Company, date, address and total as printed; empty where absent.
        needle: Whether a needle printer printed it.
    """

    sheet: Sheet
    entities: dict[str, str]
    needle: bool


def draw_layout(rng: random.Random, content: Content, signs: tuple[Face, ...] = ()) -> Printed:
    """Print content on a strip, with a random layout and printer.

    Args:
        rng: Random generator.
        content: What to print.
        signs: Faces for shop names and for some whole receipts; see `synthesis.printing.signs`.
    """
    characters = _characters(content)
    needle = rng.random() < 0.09
    face = draw_zero(rng, rng.choice(NEEDLE_FACES)) if needle else draw_face(rng)
    while not can_print(face, characters):
        needle, face = False, draw_face(rng)
    signs = tuple(sign for sign in signs if can_print(sign, characters))
    if whole := draw_receipt_face(rng, signs):
        needle, face = False, whole
    till = Till(rng, content, face)
    till.name_style = draw_name_style(rng, signs, till.big_style)
    sheet = till.sheet
    if rng.random() < 0.12:
        sheet.draw_graphic("emblem", rng.uniform(0.15, 0.5) * sheet.width, rng.uniform(0.1, 0.2) * sheet.width)
        sheet.advance(0.4)
    facts_on_top = rng.random() < 0.72
    print_header(till)
    if facts_on_top:
        print_facts(till)
    till.leave_gap(0.6)
    print_items(till)
    total = print_totals(till)
    if not facts_on_top:
        till.leave_gap(0.6)
        print_facts(till)
    if content.country.name == "MY" and content.merchant.tax_id and rng.random() < 0.55:
        print_tax_summary(till)
    print_footer(till)
    fields = {
        "company": content.merchant.company,
        "date": content.date,
        "address": " ".join(content.merchant.address),
        "total": total,
    }
    styles = {"company": till.name_style}
    entities = {name: sheet.apply_case(text, styles.get(name, PLAIN)) for name, text in fields.items()}
    return Printed(sheet, entities, needle)


def _characters(content: Content) -> str:
    """Return every non-ASCII character that the receipt may need. All fonts have ASCII."""
    texts = (content.merchant.company, *content.merchant.address, *content.footer, content.country.symbol, "ÄÖÜäöüßàÀé")
    text = "".join([*texts, *(item.name for item in content.purchase.items)])
    return "".join(sorted({c for c in text + text.upper() if not c.isascii()}))

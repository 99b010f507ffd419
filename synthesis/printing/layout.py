"""Layouts: how the content of a receipt is spread over a strip of paper."""

from __future__ import annotations

import random
from dataclasses import dataclass

from synthesis.content.receipt import Content
from synthesis.printing.header import print_facts, print_header
from synthesis.printing.items import print_items
from synthesis.printing.sheet import Sheet
from synthesis.printing.signs import draw_sign, draw_whole
from synthesis.printing.till import Till
from synthesis.printing.totals import print_footer, print_tax_summary, print_totals
from synthesis.printing.typography import NEEDLE_FACES, PLAIN, Face, draw_face, printable, zero_drawn


@dataclass(frozen=True)
class Printed:
    """A strip and what its four fields say, as printed; an empty string where a field is absent."""

    sheet: Sheet
    entities: dict[str, str]
    needle: bool


def draw_layout(rng: random.Random, content: Content, signs: tuple[Face, ...] = ()) -> Printed:
    """Print a content on a strip with a layout and a printer drawn at random.

    Args:
        rng: Source of chance.
        content: What to print.
        signs: Faces for names of shops, and for some receipts as a whole; see `synthesis.printing.signs`.
    """
    characters = _characters(content)
    needle = rng.random() < 0.09
    face = zero_drawn(rng, rng.choice(NEEDLE_FACES)) if needle else draw_face(rng)
    while not printable(face, characters):
        needle, face = False, draw_face(rng)
    signs = tuple(sign for sign in signs if printable(sign, characters))
    if whole := draw_whole(rng, signs):
        needle, face = False, whole
    till = Till(rng, content, face)
    till.name = draw_sign(rng, signs, till.big)
    sheet = till.sheet
    if rng.random() < 0.12:
        sheet.draw("emblem", rng.uniform(0.15, 0.5) * sheet.width, rng.uniform(0.1, 0.2) * sheet.width)
        sheet.advance(0.4)
    facts_on_top = rng.random() < 0.72
    print_header(till)
    if facts_on_top:
        print_facts(till)
    till.gap(0.6)
    print_items(till)
    total = print_totals(till)
    if not facts_on_top:
        till.gap(0.6)
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
    styles = {"company": till.name}
    return Printed(sheet, {name: sheet.cased(text, styles.get(name, PLAIN)) for name, text in fields.items()}, needle)


def _characters(content: Content) -> str:
    """Every character outside ASCII that the receipt may need (all fonts have ASCII)."""
    texts = (content.merchant.company, *content.merchant.address, *content.footer, content.country.symbol, "ÄÖÜäöüßàÀé")
    text = "".join([*texts, *(item.name for item in content.purchase.items)])
    return "".join(sorted({c for c in text + text.upper() if not c.isascii()}))

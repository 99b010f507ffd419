"""Print the receipts of `synthesis.world` on a strip of paper."""

from __future__ import annotations

import random

from synthesis.codes.drawing import draw_modules
from synthesis.printing.layout import Printed
from synthesis.printing.sheet import Sheet
from synthesis.printing.typography import FACES, NEEDLE_FACES, PLAIN, Face, Style, can_print, draw_zero, measure_text
from synthesis.world.page import Page, Row, strip_accents

# Further faces, which have every accented letter and currency sign.
_BROAD_FACES: tuple[tuple[Face, float], ...] = (
    (Face("DejaVuSansMono.ttf", None, 22, 0.82, 1.1, 1.15), 8),
    (Face("DejaVuSansMono.ttf", None, 24, 0.9, 1.0, 1.15, crisp=False), 6),
    (Face("DejaVuSansMono.ttf", None, 20, 1.0, 1.2, 1.2), 4),
    (Face("DejaVuSansCondensed.ttf", None, 22, 0.92, 1.05, 1.2, crisp=False), 10),
)
_ALL_FACES = FACES + _BROAD_FACES
_NEEDLE = 0.06
_MIN_DOTS, _MAX_DOTS = 3, 6
# Length from which marks alone are a line across the paper, which no label counts as text.
_RULE = 8
_ENTITIES = ("company", "date", "address", "total")
_BOLD, _BIG = 0.12, (1.0, 1.0, 1.15, 1.3)


def draw_world_face(rng: random.Random, characters: str) -> tuple[Face, bool]:
    """Draw a face that has every character, and whether a needle printer prints it."""
    if rng.random() < _NEEDLE:
        face = rng.choice(NEEDLE_FACES)
        if can_print(face, characters):
            return draw_zero(rng, face), True
    able = [(face, weight) for face, weight in _ALL_FACES if can_print(face, characters)]
    able = able or list(_BROAD_FACES)
    face = rng.choices([face for face, _ in able], [weight for _, weight in able])[0]
    return draw_zero(rng, face), False


def print_page(rng: random.Random, page: Page, face: Face, *, needle: bool = False) -> Printed:
    """Print a page on a strip.

    Args:
        rng: Source of random choices.
        page: Rows of text; characters that the face lacks are printed without accents.
        face: The font.
        needle: Whether a needle printer prints it.
    """
    unit = measure_text(face, PLAIN, "0")
    sheet = Sheet(face, page.columns * unit, unit * rng.uniform(1.2, 5))
    page.map_text(lambda text: "".join(c if can_print(face, c) else strip_accents(c) for c in text))
    tall = rng.choice(_BIG)
    for row in page.rows:
        if row.gap:
            sheet.advance(row.gap)
        _print_row(sheet, row, Style(rng.random() < _BOLD, row.scale, row.scale * (tall if row.scale > 1.0 else 1.0)))
    return Printed(sheet, _collect_entities(page), needle)


def print_code(rng: random.Random, sheet: Sheet, text: str) -> bool:
    """Print a QR code below a receipt; return whether the paper is wide enough.

    A module has three to six dots, as many as the paper has room for (ISO/IEC 18004, 9.1; printers have 8 per mm).
    """
    modules = len(draw_modules(text))
    most = int(sheet.width / modules)
    if most < _MIN_DOTS:
        return False
    size = modules * rng.randint(_MIN_DOTS, min(most, _MAX_DOTS))
    sheet.advance(1)
    sheet.draw_graphic("code", size, size, text=text)
    sheet.advance(0.5)
    return True


def _print_row(sheet: Sheet, row: Row, style: Style) -> None:
    """Print the cells of a row; a cell that is too long for its place goes on below."""
    texts = [("".join(piece.text for piece in cell.pieces), cell.at, cell.align) for cell in row.cells]
    if len(texts) > 1:
        _print_cells(sheet, [(sheet.truncate(text, sheet.width, style), at, align) for text, at, align in texts], style)
        return
    text, at, align = texts[0]
    if len(text) >= _RULE and not any(character.isalnum() for character in text):
        sheet.print_at(sheet.truncate(text, sheet.width), 0.0, labeled=False)
        sheet.advance(1)
        return
    for part in sheet.wrap(text, sheet.width, style):
        _print_cells(sheet, [(part, at, align)], style)


def _print_cells(sheet: Sheet, texts: list[tuple[str, float, str]], style: Style) -> None:
    cells = []
    for text, at, align in texts:
        wide = sheet.measure(text, style)
        left = at * sheet.width - {"left": 0.0, "center": wide / 2, "right": wide}[align]
        cells.append((text, max(0.0, min(left, sheet.width - wide)), "left"))
    sheet.print_row(cells, style)


def _collect_entities(page: Page) -> dict[str, str]:
    """Return company, date, address and total as printed: the text of their kinds, one part per row."""
    found: dict[str, list[str]] = {name: [] for name in _ENTITIES}
    for row in page.rows:
        for name, parts in found.items():
            text = "".join(piece.text for cell in row.cells for piece in cell.pieces if piece.kind == name)
            if text.strip():
                parts.append(text.strip())
    joined = {name: " ".join(parts) for name, parts in found.items()}
    # Other fields may repeat; the first one counts.
    return {name: found[name][0] if name in ("date", "total") and found[name] else joined[name] for name in _ENTITIES}

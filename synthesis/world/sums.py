"""What leads from the items of a receipt to its total, and the taxes in it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from synthesis.world.countries import choose_phrase
from synthesis.world.money import MoneyStyle
from synthesis.world.page import OTHER, UNKNOWN, Cell, Piece, text_cell
from synthesis.world.purchase import Purchase, TaxLine
from synthesis.world.sheet import Sheet

_SUBTOTAL_WITH_STEPS, _SUBTOTAL, _COUNT, _ROUNDING = 0.92, 0.25, 0.2, 0.02
_TAX_AFTER_TOTAL, _TAX_TWICE, _TAX_TABLE, _TABLE_HEADINGS = 0.25, 0.3, 0.75, 0.7
_TOUCHING, _INDENTED, _SIGN_COLUMN, _SIDE_BY_SIDE, _TOTAL_AGAIN = 0.06, 0.3, 0.2, 0.05, 0.1
_TABLES = (
    ("rate", "base", "tax", "gross"),
    ("rate", "tax", "base", "gross"),
    ("rate", "gross", "tax"),
    ("rate", "base", "tax"),
)
_TABLE_PLACES = {3: (0.0, 0.65, 1.0), 4: (0.0, 0.5, 0.75, 1.0)}
# The gross amount of a rate may be the total again.
_TABLE_KINDS = {"base": OTHER, "tax": "tax", "gross": UNKNOWN}


def write_sums(sheet: Sheet, style: MoneyStyle, purchase: Purchase) -> None:
    """Write what leads from the items to the total."""
    chance = sheet.chance
    first = len(sheet.page.rows)
    steps = (
        purchase.charge
        or purchase.discount
        or purchase.service
        or purchase.tip
        or (purchase.taxes and not purchase.included)
    )
    if chance.random() < (_SUBTOTAL_WITH_STEPS if steps else _SUBTOTAL):
        _write_concept(sheet, style, "subtotal", "subtotal", purchase.subtotal)
    if chance.random() < _COUNT:
        _write_count(sheet, purchase)
    if purchase.discount:
        _write_concept(sheet, style, "discount", "discount", purchase.discount)
    if purchase.service:
        rate = f" {purchase.service_rate.normalize():f}%"
        _write_concept(sheet, style, "service", "service_charge", purchase.service, after=rate)
    if not purchase.included:
        for tax in purchase.taxes:
            _write_tax(sheet, style, tax)
    if purchase.charge:
        write_amount(
            sheet, style, choose_phrase(chance, "charges"), "other_charge_key", "other_charge", purchase.charge
        )
    if purchase.rounding or chance.random() < _ROUNDING:
        _write_concept(sheet, style, "rounding", "rounding", purchase.rounding)
    if purchase.tip:
        _write_concept(sheet, style, "tip", "tip", purchase.tip)
    if chance.random() < _SIDE_BY_SIDE:
        _pair_rows(sheet, first)
    scale = chance.choice((1.0, 1.0, 1.0, 1.4, 1.8))
    _write_concept(sheet, style, "total", "total", purchase.total, role="total", scale=scale)
    if chance.random() < _TOTAL_AGAIN:
        _write_concept(sheet, style, "total", "total", purchase.total, role="total")


def _pair_rows(sheet: Sheet, first: int) -> None:
    """Put two sums side by side in each row from a row on, where they fit."""
    rows = sheet.page.rows[first:]
    del sheet.page.rows[first:]
    half = sheet.page.columns // 2 - 1
    while rows:
        pair = [rows.pop(0)]
        if rows and all(len(one.cells) == 2 and sum(c.length for c in one.cells) < half for one in (pair[0], rows[0])):
            pair.append(rows.pop(0))
            (left, amount), (right, last) = pair[0].cells, pair[1].cells
            cells = (
                replace(left, align="left", at=0.0),
                replace(amount, at=0.46),
                replace(right, align="left", at=0.54),
                replace(last, at=1.0),
            )
            sheet.page.add(*cells)
        else:
            sheet.page.rows += pair


def write_included_taxes(sheet: Sheet, style: MoneyStyle, purchase: Purchase) -> None:
    """Write the taxes that the prices include: in rows, in a table, both or not at all."""
    if not purchase.taxes or not purchase.included:
        return
    chance = sheet.chance
    in_rows = chance.random() < _TAX_AFTER_TOTAL
    if in_rows:
        for tax in purchase.taxes:
            _write_tax(sheet, style, tax)
    if chance.random() < (_TAX_TWICE if in_rows else _TAX_TABLE):
        _write_tax_table(sheet, style, purchase)


def write_amount(
    sheet: Sheet,
    style: MoneyStyle,
    text: str,
    key: str,
    kind: str,
    value: Decimal,
    *,
    role: str = "sum",
    scale: float = 1.0,
) -> None:
    """Write a caption and an amount, at the right edge or right after the caption.

    Args:
        sheet: The receipt.
        style: Of the amount.
        text: The caption.
        key: Its kind.
        kind: Kind of the amount.
        value: The amount.
        role: See `MoneyStyle.pieces`.
        scale: Size of the characters, unless the row is too long.
    """
    chance = sheet.chance
    text += chance.choice(("", "", ":", " :"))
    pieces = style.pieces(value, kind, role)
    length = len(text) + 1 + sum(len(piece.text) for piece in pieces)
    if length * scale > sheet.page.columns:
        scale = 1.0
    if chance.random() < _TOUCHING:
        sheet.page.add(Cell((Piece(text, key), Piece(" "), *pieces)), scale=scale)
        return
    cells = [Cell(pieces, "right", 1.0)]
    if len(pieces) > 1 and pieces[0].kind != kind and chance.random() < _SIGN_COLUMN:
        # The sign has a column of its own.
        cells = [Cell(pieces[:1], "right", chance.uniform(0.7, 0.8)), Cell(pieces[1:], "right", 1.0)]
    if sheet.captions_at is not None:
        sheet.page.add(text_cell(text, key, "right", sheet.captions_at), *cells, scale=scale)
        return
    at = chance.uniform(0.0, 0.3) if chance.random() < _INDENTED else 0.0
    sheet.page.add(text_cell(text, key, "left", at), *cells, scale=scale)


def _write_concept(
    sheet: Sheet,
    style: MoneyStyle,
    concept: str,
    kind: str,
    value: Decimal,
    *,
    role: str = "sum",
    scale: float = 1.0,
    after: str = "",
) -> None:
    word = sheet.language.caption(sheet.chance, concept)
    word = sheet.chance.choice((word.title(), word.upper(), word.capitalize(), word.upper()))
    write_amount(sheet, style, word + after, f"{kind}_key", kind, value, role=role, scale=scale)


def _write_tax(sheet: Sheet, style: MoneyStyle, tax: TaxLine) -> None:
    rate = _format_rate(style, tax.rate)
    name = tax.name
    if "%" not in name:
        name = sheet.chance.choice((name, f"{name} {rate}", f"{name} ({rate})", f"{rate} {name}"))
    write_amount(sheet, style, name, "tax_key", "tax", tax.amount)


def _write_tax_table(sheet: Sheet, style: MoneyStyle, purchase: Purchase) -> None:
    """Write a table of rate, net, tax and gross, in some order."""
    chance = sheet.chance
    columns = chance.choice(_TABLES)
    places = _TABLE_PLACES[len(columns)]
    if chance.random() < _TABLE_HEADINGS:
        name = purchase.taxes[0].name.split("%")[0].rstrip(" 0123456789.,@")
        net, gross = (sheet.language.caption(chance, concept).title() for concept in ("net", "gross"))
        heads = {"rate": f"{name} %", "base": net, "tax": name, "gross": gross}
        cells = [
            text_cell(heads[part], "tax_key" if part == "tax" else OTHER, "right" if at else "left", at)
            for part, at in zip(columns, places, strict=True)
        ]
        sheet.page.add(*cells, gap=0.5)
    mark = chance.choice(("", "{} ", "{}: "))
    for letter, tax in zip("ABCDEFGH", purchase.taxes, strict=False):
        values = {"base": tax.base, "tax": tax.amount, "gross": tax.base + tax.amount}
        row = [text_cell(mark.format(letter) + _format_rate(style, tax.rate))]
        for part, at in zip(columns[1:], places[1:], strict=True):
            row.append(Cell(style.pieces(values[part], _TABLE_KINDS[part]), "right", at))
        sheet.page.add(*row)


def _format_rate(style: MoneyStyle, rate: Decimal) -> str:
    return f"{style.number(rate, 0 if rate == rate.to_integral_value() else 2)}%"


def _write_count(sheet: Sheet, purchase: Purchase) -> None:
    """Write the number of pieces or of items."""
    chance = sheet.chance
    pieces = sum((item.quantity for item in purchase.items if not item.unit), Decimal(0))
    if pieces and chance.random() < 0.6:
        caption, kind, number = sheet.language.caption(chance, "quantity").title(), "item_count", f"{pieces:f}"
    else:
        caption, kind, number = choose_phrase(chance, "line_counts"), "line_count", str(len(purchase.items))
    sheet.page.add(Cell((Piece(caption + chance.choice((": ", " ")), "count_key"), Piece(number, kind))))

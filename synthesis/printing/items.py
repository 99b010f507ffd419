"""Print the table of items in one of several formats."""

from __future__ import annotations

from collections.abc import Callable

from synthesis.content.purchase import Item
from synthesis.printing.till import Cell, Till

_HEADS = (
    ("Item", "Qty", "Price", "Amount"), ("Description", "Qty", "U.Price", "Total"), ("ITEM", "QTY", "U/P", "AMT"),
    ("Item", "Qty", "S/Price", "Amount"), ("DESC", "QTY", "PRICE", "TOTAL"), ("Description", "QTY", "RM", "RM"),
)  # fmt: skip


def print_items(till: Till) -> None:
    """Print all items in one format, with the head and rules of the table."""
    western = till.content.country.name != "MY"
    kinds: tuple[Callable[[Till, Item, int], None], ...]
    kinds = (_print_one_row, _print_two_rows, _print_columns, _print_under_name, _print_quantity_first)
    kind = till.rng.choices(kinds, (20, 15, 5, 5, 55) if western else (18, 27, 20, 25, 10))[0]
    _print_head(till, columns=kind in (_print_columns, _print_under_name))
    for number, item in enumerate(till.content.purchase.items, start=1):
        kind(till, item, number)
        if item.discount:
            label = till.rng.choice(("DISCOUNT", "Disc"))
            minus = till.content.format_amount(-item.discount)
            till.sheet.print_row([(label, till.sheet.width * 0.08, "left"), (minus, till.amount_x, "right")])
        if till.rng.random() < (1 - till.looseness) * 0.12:
            till.sheet.advance(0.3)
    till.leave_gap(0.75)


def _print_head(till: Till, *, columns: bool) -> None:
    end = till.amount_x
    if columns or till.rng.random() < 0.25:
        names = till.rng.choice(_HEADS)
        cells = _build_head_cells(till, names[0], [(names[1], end * 0.5), (names[2], end * 0.74), (names[3], end)])
        till.sheet.print_row(cells if columns else [cells[0], cells[-1]], till.strong_style)
        if till.rng.random() < 0.7:
            till.sheet.print_rule(till.rule_character)
    elif till.rng.random() < 0.4:
        till.sheet.print_rule(till.rule_character)


def _build_head_cells(till: Till, first: str, others: list[tuple[str, float]]) -> list[Cell]:
    """Build the cells of a head, shortened where two would touch."""
    cells: list[Cell] = [(first, 0.0, "left")]
    last = till.sheet.measure(first, till.strong_style)
    for text, x in others:
        room = x - last - 1.2 * till.sheet.space
        short = till.sheet.truncate(text, room, till.strong_style)
        if short:
            cells.append((short, x, "right"))
            last = x
    return cells


def _build_amount_cells(till: Till, item: Item) -> list[Cell]:
    symbol = till.attached_symbol if till.content.country.name == "US" and till.looseness > 0.5 else ""
    text = till.content.format_amount(item.amount + item.discount, symbol=symbol)
    code: list[Cell] = [(till.tax_code, till.sheet.width, "right")] if till.tax_code else []
    return [(text, till.amount_x, "right"), *code]


def _wrap_name(till: Till, name: str, width: float) -> list[str]:
    """Wrap a name to the width; a till that saves paper truncates it to one line."""
    return till.sheet.wrap(name, width) if till.looseness > 0.4 else [till.sheet.truncate(name, width)]


def _print_lines(till: Till, lines: list[str], x: float = 0.0) -> None:
    for line in lines:
        till.sheet.print_row([(line, x, "left")])


def _print_one_row(till: Till, item: Item, number: int) -> None:
    prefix = f"{item.quantity} X " if item.quantity > 1 and till.looseness < 0.5 else ""
    lines = _wrap_name(till, prefix + item.name, till.sheet.width * 0.62)
    till.sheet.print_row([(lines[0], 0, "left"), *_build_amount_cells(till, item)])
    _print_lines(till, lines[1:])


def _print_two_rows(till: Till, item: Item, number: int) -> None:
    sheet = till.sheet
    indent = sheet.space * (2 if till.looseness > 0.6 else 0)
    _print_lines(till, _wrap_name(till, item.name, sheet.width * 0.9))
    price = f"{item.quantity} {'X' if till.looseness < 0.6 else 'x'} {till.content.format_amount(item.unit_price)}"
    if till.looseness > 0.75:
        price = f"{till.content.format_amount(item.unit_price)}*{item.quantity}"
    place = till.amount_x - sheet.measure("00,000.00") - sheet.space
    fits = indent + sheet.measure(item.code) + sheet.space < place - sheet.measure(price)
    if fits and till.looseness > 0.3:
        sheet.print_row([(item.code, indent, "left"), (price, place, "right"), *_build_amount_cells(till, item)])
    else:
        place = max(indent + sheet.measure(price), place * 0.5)
        sheet.print_row([(price, place, "right"), *_build_amount_cells(till, item)])


def _build_number_cells(till: Till, item: Item) -> list[Cell]:
    price = till.content.format_amount(item.unit_price)
    return [
        (str(item.quantity), till.amount_x * 0.5, "right"),
        (price, till.amount_x * 0.74, "right"),
        *_build_amount_cells(till, item),
    ]


def _print_columns(till: Till, item: Item, number: int) -> None:
    lines = _wrap_name(till, item.name, till.amount_x * 0.5 - till.sheet.measure("000"))
    till.sheet.print_row([(lines[0], 0, "left"), *_build_number_cells(till, item)])
    _print_lines(till, lines[1:])


def _print_under_name(till: Till, item: Item, number: int) -> None:
    name = f"{number}. {item.name}" if till.looseness > 0.7 else item.name
    _print_lines(till, _wrap_name(till, name, till.sheet.width))
    fits = till.sheet.measure(item.code) < till.amount_x * 0.4
    code: list[Cell] = [(item.code, 0.0, "left")] if fits and till.looseness < 0.45 else []
    till.sheet.print_row([*code, *_build_number_cells(till, item)])


def _print_quantity_first(till: Till, item: Item, number: int) -> None:
    start = till.sheet.measure("00 ") + (till.sheet.space if till.looseness > 0.5 else 0)
    lines = _wrap_name(till, item.name, till.sheet.width * 0.62)
    till.sheet.print_row([(str(item.quantity), 0, "left"), (lines[0], start, "left"), *_build_amount_cells(till, item)])
    _print_lines(till, lines[1:], start)

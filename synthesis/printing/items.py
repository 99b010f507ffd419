"""Tables of items: the several ways in which tills print a name, a quantity, a price and an amount."""

from __future__ import annotations

from collections.abc import Callable

from synthesis.content.purchase import Item
from synthesis.printing.till import Cell, Till

_HEADS = (
    ("Item", "Qty", "Price", "Amount"), ("Description", "Qty", "U.Price", "Total"), ("ITEM", "QTY", "U/P", "AMT"),
    ("Item", "Qty", "S/Price", "Amount"), ("DESC", "QTY", "PRICE", "TOTAL"), ("Description", "QTY", "RM", "RM"),
)  # fmt: skip


def print_items(till: Till) -> None:
    """Print all items as one kind of table, with its head and the rules around it."""
    western = till.content.country.name != "MY"
    kinds: tuple[Callable[[Till, Item, int], None], ...]
    kinds = (_one_row, _two_rows, _columns, _under_name, _quantity_first)
    kind = till.rng.choices(kinds, (20, 15, 5, 5, 55) if western else (18, 27, 20, 25, 10))[0]
    _head(till, columns=kind in (_columns, _under_name))
    for number, item in enumerate(till.content.purchase.items, start=1):
        kind(till, item, number)
        if item.discount:
            label = till.rng.choice(("DISCOUNT", "Disc"))
            minus = till.content.money(-item.discount)
            till.sheet.row([(label, till.sheet.width * 0.08, "left"), (minus, till.amount_x, "right")])
        if till.rng.random() < (1 - till.loose) * 0.12:
            till.sheet.advance(0.3)
    till.gap(0.75)


def _head(till: Till, *, columns: bool) -> None:
    end = till.amount_x
    if columns or till.rng.random() < 0.25:
        names = till.rng.choice(_HEADS)
        cells = _fitting(till, names[0], [(names[1], end * 0.5), (names[2], end * 0.74), (names[3], end)])
        till.sheet.row(cells if columns else [cells[0], cells[-1]], till.strong)
        if till.rng.random() < 0.7:
            till.sheet.rule(till.rule)
    elif till.rng.random() < 0.4:
        till.sheet.rule(till.rule)


def _fitting(till: Till, first: str, others: list[tuple[str, float]]) -> list[Cell]:
    """Cells of a head, shortened where two would touch."""
    cells: list[Cell] = [(first, 0.0, "left")]
    last = till.sheet.measure(first, till.strong)
    for text, x in others:
        room = x - last - 1.2 * till.sheet.space
        short = till.sheet.fit(text, room, till.strong)
        if short:
            cells.append((short, x, "right"))
            last = x
    return cells


def _amount(till: Till, item: Item) -> list[Cell]:
    symbol = till.attached if till.content.country.name == "US" and till.loose > 0.5 else ""
    text = till.content.money(item.amount + item.discount, symbol=symbol)
    code: list[Cell] = [(till.tax_code, till.sheet.width, "right")] if till.tax_code else []
    return [(text, till.amount_x, "right"), *code]


def _names(till: Till, name: str, width: float) -> list[str]:
    """The name on as many rows as it needs, or, with a thrifty till, cut to one."""
    return till.sheet.wrap(name, width) if till.loose > 0.4 else [till.sheet.fit(name, width)]


def _rows(till: Till, lines: list[str], x: float = 0.0) -> None:
    for line in lines:
        till.sheet.row([(line, x, "left")])


def _one_row(till: Till, item: Item, number: int) -> None:
    prefix = f"{item.quantity} X " if item.quantity > 1 and till.loose < 0.5 else ""
    lines = _names(till, prefix + item.name, till.sheet.width * 0.62)
    till.sheet.row([(lines[0], 0, "left"), *_amount(till, item)])
    _rows(till, lines[1:])


def _two_rows(till: Till, item: Item, number: int) -> None:
    sheet = till.sheet
    indent = sheet.space * (2 if till.loose > 0.6 else 0)
    _rows(till, _names(till, item.name, sheet.width * 0.9))
    price = f"{item.quantity} {'X' if till.loose < 0.6 else 'x'} {till.content.money(item.unit_price)}"
    if till.loose > 0.75:
        price = f"{till.content.money(item.unit_price)}*{item.quantity}"
    place = till.amount_x - sheet.measure("00,000.00") - sheet.space
    fits = indent + sheet.measure(item.code) + sheet.space < place - sheet.measure(price)
    if fits and till.loose > 0.3:
        sheet.row([(item.code, indent, "left"), (price, place, "right"), *_amount(till, item)])
    else:
        sheet.row([(price, max(indent + sheet.measure(price), place * 0.5), "right"), *_amount(till, item)])


def _numbers(till: Till, item: Item) -> list[Cell]:
    price = till.content.money(item.unit_price)
    return [
        (str(item.quantity), till.amount_x * 0.5, "right"),
        (price, till.amount_x * 0.74, "right"),
        *_amount(till, item),
    ]


def _columns(till: Till, item: Item, number: int) -> None:
    lines = _names(till, item.name, till.amount_x * 0.5 - till.sheet.measure("000"))
    till.sheet.row([(lines[0], 0, "left"), *_numbers(till, item)])
    _rows(till, lines[1:])


def _under_name(till: Till, item: Item, number: int) -> None:
    _rows(till, _names(till, f"{number}. {item.name}" if till.loose > 0.7 else item.name, till.sheet.width))
    fits = till.sheet.measure(item.code) < till.amount_x * 0.4
    code: list[Cell] = [(item.code, 0.0, "left")] if fits and till.loose < 0.45 else []
    till.sheet.row([*code, *_numbers(till, item)])


def _quantity_first(till: Till, item: Item, number: int) -> None:
    start = till.sheet.measure("00 ") + (till.sheet.space if till.loose > 0.5 else 0)
    lines = _names(till, item.name, till.sheet.width * 0.62)
    till.sheet.row([(str(item.quantity), 0, "left"), (lines[0], start, "left"), *_amount(till, item)])
    _rows(till, lines[1:], start)

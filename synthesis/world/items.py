"""The items of a receipt in the layouts that tills use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from synthesis.world.countries import choose_phrase, load_phrases
from synthesis.world.money import MoneyStyle
from synthesis.world.page import OTHER, UNKNOWN, Align, Cell, Piece, text_cell
from synthesis.world.purchase import Extra, Item, Purchase
from synthesis.world.sheet import Sheet

_LETTERS = ("", "", "", " A", " B", " T", " 1", "*", " N", "A", "R", " X", " F")
_MARKS = ("", "+ ", "- ", "* ", ">> ")
_HEADINGS, _HEADING, _CODE, _COUNTED_TIMES = 0.15, 0.9, 0.5, 0.15
# Shares of modifiers: one with its quantity, with the price of one, free with an amount of zero.
_COUNT_ONE, _PRICED, _ZERO = 0.3, 0.4, 0.3
_COLUMNS: dict[str, tuple[str, Align, float]] = {
    "description": ("item_description_key", "left", 0.0),
    "quantity": ("item_quantity_key", "right", 0.55),
    "price": ("item_unit_price_key", "right", 0.77),
    "amount": ("item_amount_key", "right", 1.0),
}
# Share of the row that a description has beside other columns.
_DESCRIPTION = 0.42


def write_items(sheet: Sheet, style: MoneyStyle, purchase: Purchase) -> None:
    """Write all items in one of the layouts."""
    chance = sheet.chance
    writer = _ItemWriter(sheet, style, chance.choice(_LETTERS))
    layouts = {
        "one row": writer.write_row,
        "quantity first": writer.write_quantity_first,
        "quantity below": writer.write_quantity_below,
        "columns": writer.write_columns,
        "code first": writer.write_code_first,
    }
    name = chance.choices(list(layouts), weights=[3, 1, 1, 1, 1])[0]
    if name == "columns" or chance.random() < _HEADINGS:
        _write_headings(sheet)
    first = len(sheet.page.rows)
    gap = chance.choice((0.0, 0.5, 1.0))
    for number, item in enumerate(purchase.items, start=1):
        write = writer.write_weighed if item.unit else layouts[name]
        write(item, number)
        writer.write_below(item, number)
    sheet.page.rows[first] = replace(sheet.page.rows[first], gap=gap)


@dataclass(frozen=True)
class _ItemWriter:
    """Write items, each in rows of its own.

    Attributes:
        sheet: The receipt.
        style: Of amounts.
        letter: Tax letter after each amount; may be empty.
    """

    sheet: Sheet
    style: MoneyStyle
    letter: str

    def write_row(self, item: Item, number: int) -> None:
        """Write `Coffee      1,20 A`, with a second row `2 x 1,20      2,40 A` for several pieces."""
        amount = self._amount(item.amount)
        name = self._description(item, number, self.sheet.page.columns - amount.length - 2)
        if item.quantity == 1:
            self.sheet.page.add(name, amount, item=number)
            return
        self.sheet.page.add(name, item=number)
        self.sheet.page.add(self._times(item), amount, item=number)

    def write_quantity_first(self, item: Item, number: int) -> None:
        """Write `2 x Coffee      2,40`."""
        chance = self.sheet.chance
        amount = self._amount(item.amount)
        name = self._description(item, number, self.sheet.page.columns - amount.length - 6, code=False)
        times = chance.choice(("", "x", " x", "X"))
        quantity = Cell((Piece(str(item.quantity), "item_quantity"), Piece(times, "item_unit" if times else "")))
        at = chance.choice((0.0, 3.0, 5.0)) / self.sheet.page.columns
        self.sheet.page.add(quantity, replace(name, at=at), amount, item=number)

    def write_quantity_below(self, item: Item, number: int) -> None:
        """Write `Coffee` and below it `2 x 1,20      2,40`."""
        self.sheet.page.add(self._description(item, number, self.sheet.page.columns), item=number)
        times = replace(self._times(item), at=self.sheet.chance.choice((0.0, 0.05, 0.1)))
        self.sheet.page.add(times, self._amount(item.amount), item=number)

    def write_columns(self, item: Item, number: int) -> None:
        """Write columns of description, quantity, unit price and amount; a long description has its own row."""
        room = int(self.sheet.page.columns * _DESCRIPTION)
        name = self._description(item, number, room, code=False)
        cells = [
            text_cell(str(item.quantity), "item_quantity", "right", _COLUMNS["quantity"][2]),
            Cell(self.style.pieces(item.unit_price, "item_unit_price"), "right", _COLUMNS["price"][2]),
            self._amount(item.amount),
        ]
        if name.length > room:
            self.sheet.page.add(name, item=number)
            self.sheet.page.add(*cells, item=number)
        else:
            self.sheet.page.add(name, *cells, item=number)

    def write_code_first(self, item: Item, number: int) -> None:
        """Write `4901234567894 Coffee` and below it quantity, price and amount."""
        name = Piece(item.name, "item_description")
        code = (Piece(item.code, "item_code"), Piece("  ")) if item.code else ()
        self.sheet.page.add(Cell((*code, name)), item=number)
        self.sheet.page.add(
            text_cell(str(item.quantity), "item_quantity", "left", 0.08),
            Cell(self.style.pieces(item.unit_price, "item_unit_price"), "right", 0.6),
            self._amount(item.amount),
            item=number,
        )

    def write_weighed(self, item: Item, number: int) -> None:
        """Write `Bananas` and below it `0,482 kg x 2,99 EUR/kg      1,44 A`; the amount may be on the first row."""
        chance = self.sheet.chance
        weight = (
            Piece(self.style.number(item.quantity, 3), "item_quantity"),
            Piece(chance.choice((" ", " ", ""))),
            Piece(item.unit, "item_unit"),
            Piece(chance.choice((" x ", " @ ", " X ", " * "))),
            *self.style.pieces(item.unit_price, "item_unit_price"),
            Piece(chance.choice((f"/{item.unit}", f" {self.style.sign}/{item.unit}", ""))),
        )
        rows = [[text_cell(item.name, "item_description")], [Cell(weight, "left", 0.04)]]
        chance.choice(rows).append(self._amount(item.amount))
        for cells in rows:
            self.sheet.page.add(*cells, item=number)

    def write_below(self, item: Item, number: int) -> None:
        """Write modifiers and the discount of an item."""
        chance = self.sheet.chance
        for extra in item.extras:
            self._write_extra(extra, number)
        if item.discount:
            word = self.sheet.language.caption(chance, "discount").capitalize()
            amount = Cell(self.style.pieces(item.discount, "item_discount"), "right", 1.0)
            self.sheet.page.add(text_cell(word, "item_discount_key", "left", 0.04), amount, item=number)

    def _write_extra(self, extra: Extra, number: int) -> None:
        """Write `+ Extra cheese`, `2 x Extra cheese      3,00`, or with the price of one: `Extra cheese  2 x 1,50`."""
        chance = self.sheet.chance
        name = Piece(extra.name, "sub_description")
        mark = Piece(chance.choice(_MARKS))
        is_counted = extra.quantity > 1 or chance.random() < _COUNT_ONE
        price = self.style.pieces(extra.unit_price, "sub_unit_price")
        quantity = Piece(str(extra.quantity), "sub_quantity")
        times = Piece(choose_phrase(chance, "times"))
        if not is_counted:
            pieces: tuple[Piece, ...] = (mark, name)
        elif extra.unit_price and chance.random() < _PRICED:
            pieces = (mark, name, Piece("  "), quantity, times, *price)
        else:
            pieces = (mark, quantity, Piece(chance.choice((" ", "x ", " x "))), name)
        cells = [Cell(pieces, "left", 0.08)]
        if extra.unit_price or chance.random() < _ZERO:
            cells.append(Cell(self.style.pieces(extra.amount, "sub_amount"), "right", 1.0))
        self.sheet.page.add(*cells, item=number)

    def _amount(self, value: Decimal) -> Cell:
        # Labels differ on whether a letter that touches the amount belongs to it.
        kind = OTHER if self.letter.startswith(" ") else UNKNOWN
        return Cell((*self.style.pieces(value, "item_amount"), Piece(self.letter, kind)), "right", 1.0)

    def _description(self, item: Item, number: int, room: int, *, code: bool = True) -> Cell:
        """Return the description; a long one starts on a row of its own."""
        words = item.name.split()
        if len(item.name) > room and len(words) > 1:
            half = max(len(words) // 2, 1)
            self.sheet.page.add(text_cell(" ".join(words[:half]), "item_description"), item=number)
            return text_cell(" ".join(words[half:]), "item_description")
        if code and item.code and self.sheet.chance.random() < _CODE:
            return Cell((Piece(item.code, "item_code"), Piece(" "), Piece(item.name, "item_description")))
        return text_cell(item.name, "item_description")

    def _times(self, item: Item) -> Cell:
        """Return `2 x 4,50`."""
        chance = self.sheet.chance
        times = choose_phrase(chance, "counted_times" if chance.random() < _COUNTED_TIMES else "times")
        quantity = Piece(str(item.quantity), "item_quantity")
        return Cell((quantity, Piece(times, "item_unit"), *self.style.pieces(item.unit_price, "item_unit_price")))


def _write_headings(sheet: Sheet) -> None:
    """Write the names of the columns, some of which may be missing."""
    table = load_phrases()["headings"]
    words = table.get(sheet.language.code, table["en"])
    cells = [
        text_cell(sheet.chance.choice(words[column]), kind, align, at)
        for column, (kind, align, at) in _COLUMNS.items()
        if column == "amount" or sheet.chance.random() < _HEADING
    ]
    sheet.page.add(*cells)

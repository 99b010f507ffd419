"""When a receipt was issued and what tells it from others: date, time, number, cashier, till."""

from __future__ import annotations

from datetime import timedelta

from babel.dates import format_time

from synthesis.world.countries import choose_phrase
from synthesis.world.merchant import make_person
from synthesis.world.page import Cell, Piece, text_cell
from synthesis.world.sheet import Sheet

_TIME, _SAME_ROW, _NUMBER, _OTHER_DATE, _PAIRED, _TITLE = 0.75, 0.7, 0.8, 0.1, 0.4, 0.15
_STAFF, _TABLE, _TILL, _GUESTS, _CUSTOMER = 0.6, 0.3, 0.3, 0.12, 0.06
_DATE_CAPTION, _TIME_CAPTION = 0.5, 0.3
_OTHER_DATES = ("due_date", "order_date", "expiry")
_OTHER_DAYS = (-7, -1, 7, 14, 30, 90, 365)
_CLOCK_12 = ("h:mm a", "hh:mm:ss a", "hh:mm a", "h:mm:ss a")
_CLOCK_24 = ("HH:mm", "HH:mm:ss", "HH:mm", "H:mm")
# Columns by the number of cells in a row.
_COLUMNS = {1: (0.0,), 2: (0.0, 0.55), 3: (0.0, 0.4, 0.75), 4: (0.0, 0.3, 0.55, 0.8)}


def write_document(sheet: Sheet) -> None:
    """Write date, time, number, cashier and table, one or several per row, and other dates."""
    chance = sheet.chance
    rows = [[_date_cell(sheet)]]
    if chance.random() < _TIME:
        time = _time_cell(sheet)
        if chance.random() < _SAME_ROW:
            rows[0].append(time)
        else:
            rows.append([time])
    if chance.random() < _NUMBER:
        rows.append([_number_cell(sheet)])
    rows += [[text_cell(text)] for text in _details(sheet)]
    if chance.random() < _OTHER_DATE:
        day = sheet.moment.date() + timedelta(days=chance.choice(_OTHER_DAYS))
        rows.append([text_cell(sheet.caption(chance.choice(_OTHER_DATES)) + sheet.print_date(day))])
    chance.shuffle(rows)
    if chance.random() < _PAIRED:
        rows = [[cell for row in rows[i : i + 2] for cell in row] for i in range(0, len(rows), 2)]
    if chance.random() < _TITLE:
        sheet.line(Piece(sheet.language.caption(chance, "invoice").upper()))
    gap = chance.choice((0.0, 0.0, 0.6, 1.0))
    for row in rows:
        places = _COLUMNS[len(row)]
        sheet.page.add(*(Cell(cell.pieces, "left", at) for cell, at in zip(row, places, strict=True)), gap=gap)
        gap = 0.0


def _date_cell(sheet: Sheet) -> Cell:
    pieces = [Piece(sheet.print_date(sheet.moment.date()), "date")]
    if sheet.chance.random() < _DATE_CAPTION:
        pieces.insert(0, Piece(sheet.caption("date"), "date_key"))
    return Cell(tuple(pieces))


def _time_cell(sheet: Sheet) -> Cell:
    chance = sheet.chance
    patterns = _CLOCK_12 if chance.random() < sheet.country["clock12"] else _CLOCK_24
    text = str(format_time(sheet.moment, chance.choice(patterns), locale="en")).replace("\u202f", " ")
    pieces = [Piece(chance.choice((text, text.replace(" ", ""), text.lower())), "time")]
    if chance.random() < _TIME_CAPTION:
        pieces.insert(0, Piece(sheet.caption("time"), "time_key"))
    return Cell(tuple(pieces))


def _number_cell(sheet: Sheet) -> Cell:
    chance = sheet.chance
    number = str(chance.randint(1, 10 ** chance.choice((3, 4, 5, 6, 8, 10))))
    draw = chance.random()
    if draw < 0.15:
        number = number.zfill(8)
    elif draw < 0.3:
        number = choose_phrase(chance, "number_prefixes") + chance.choice(("-", "", "/")) + number
    elif draw < 0.4:
        number = f"{number}/{chance.randint(1, 99)}"
    has_words = chance.random() < 0.35
    caption = sheet.caption("receipt_number") if has_words else choose_phrase(chance, "number_captions")
    return Cell((Piece(caption, "receipt_number_key"), Piece(number, "receipt_number")))


def _details(sheet: Sheet) -> list[str]:
    """Return print beside the fields: who served whom, and where in the shop."""
    chance = sheet.chance
    found = []
    if chance.random() < _STAFF:
        names = (sheet.merchant.person, sheet.merchant.person.split()[0], make_person(sheet.country, chance))
        found.append(sheet.caption("staff") + chance.choice((*names, str(chance.randint(1, 999)))))
    if chance.random() < _TABLE:
        found.append(f"{choose_phrase(chance, 'tables')} {chance.randint(1, 80)}")
    if chance.random() < _TILL:
        found.append(f"{choose_phrase(chance, 'tills')} {chance.randint(1, 40)}")
    if chance.random() < _GUESTS:
        found.append(f"{choose_phrase(chance, 'guests')}: {chance.randint(1, 9)}")
    if chance.random() < _CUSTOMER:
        found.append(f"{choose_phrase(chance, 'customers')}: {make_person(sheet.country, chance)}")
    return found

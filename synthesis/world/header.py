"""Who issued a receipt: names, address and contact, and what looks like them but is not."""

from __future__ import annotations

import random
from collections.abc import Callable

from synthesis.world.countries import choose_phrase
from synthesis.world.merchant import make_person
from synthesis.world.page import UNKNOWN, Piece, capitalize
from synthesis.world.sheet import Sheet

_GREETED, _BRANCH, _MANAGER, _SHUFFLED = 0.12, 0.3, 0.12, 0.3
_BOTH_NAMES, _LEGAL_NAME_FIRST, _SLOGAN, _BROKEN_NAME = 0.75, 0.2, 0.25, 0.12
_STYLIZED, _SPACED, _NAME_TWICE, _NAME_BESIDE_ADDRESS = 0.35, 0.06, 0.08, 0.03
_WITHOUT_ADDRESS, _COUNTRY_CODE, _ADDRESS_CAPTION = 0.06, 0.05, 0.06
# Shares of addresses: with the city first, with rows cut at commas, with other print between or beside the rows.
_CITY_FIRST, _CUT, _INTERRUPTED, _BESIDE = 0.06, 0.15, 0.12, 0.06
_PHONE_CAPTION, _FAX = 0.75, 0.08
_LONGEST_SPACED = 12


def write_header(sheet: Sheet) -> None:
    """Write names, address, contact and numbers of the merchant."""
    chance, merchant = sheet.chance, sheet.merchant
    if chance.random() < _GREETED:
        _write_greeting(sheet)
    parts: list[Callable[[Sheet], None]] = [write_address]
    if merchant.phone:
        parts.append(_write_phone)
    if merchant.tax_ids:
        parts.append(_write_tax_ids)
    if merchant.site:
        parts.append(_write_site)
    if chance.random() < _BRANCH:
        parts.append(_write_branch)
    if chance.random() < _MANAGER:
        parts.append(_write_manager)
    if chance.random() < _SHUFFLED:
        chance.shuffle(parts)
    if chance.random() < _NAME_BESIDE_ADDRESS and len(merchant.name) + len(merchant.place.rows[0]) < sheet.page.columns:
        sheet.line(Piece(merchant.name, "company"), Piece("  "), Piece(merchant.place.rows[0], "address"))
        parts.remove(write_address)
        for row in merchant.place.rows[1:]:
            sheet.line(Piece(row, "address"))
    else:
        write_name(sheet)
    for part in parts:
        part(sheet)


def write_name(sheet: Sheet) -> None:
    """Write the name, the legal name below or above it, and a slogan."""
    chance, merchant = sheet.chance, sheet.merchant
    scale = chance.choice((1.0, 1.0, 1.3, 1.6, 2.0))
    # Malaysian labels have the legal name; elsewhere the name that customers know counts.
    legal_counts = sheet.country.code == "MY"
    name = _stylize(merchant.name, chance) if chance.random() < _STYLIZED else merchant.name
    if not merchant.legal_name:
        _write_wrapped(sheet, name, "company", scale)
        if chance.random() < _NAME_TWICE:
            _write_wrapped(sheet, merchant.name, "company", 1.0)
    elif chance.random() >= _BOTH_NAMES:
        _write_wrapped(sheet, merchant.legal_name, "company", scale)
    else:
        rows = [
            (name, UNKNOWN if legal_counts else "company", scale),
            (merchant.legal_name, "company" if legal_counts else UNKNOWN, 1.0),
        ]
        if chance.random() < _LEGAL_NAME_FIRST:
            rows.reverse()
        for text, kind, size in rows:
            _write_wrapped(sheet, text, kind, size)
    if chance.random() < _SLOGAN:
        sheet.line(Piece(chance.choice(sheet.language.table["slogans"])))


def write_address(sheet: Sheet) -> None:
    """Write the address, sometimes with the country or a caption."""
    chance = sheet.chance
    if chance.random() < _WITHOUT_ADDRESS:
        return
    rows = [*sheet.merchant.place.rows]
    if chance.random() < _CUT:
        rows = [part.strip() for row in rows for part in row.split(", ") if part.strip()]
    if len(rows) == 2 and chance.random() < _CITY_FIRST:
        rows.reverse()
    if chance.random() < _COUNTRY_CODE:
        rows[-1] += f", {sheet.country.code}"
    pieces = [[Piece(row, "address")] for row in rows]
    if chance.random() < _ADDRESS_CAPTION:
        pieces[0].insert(0, Piece(choose_phrase(chance, "address_captions")))
    between = _choose_interruption(sheet) if len(rows) > 1 and chance.random() < _INTERRUPTED else None
    for place, row in enumerate(pieces):
        if between is not None and place == 1:
            sheet.line(*between)
        beside = _choose_interruption(sheet) if chance.random() < _BESIDE else None
        if beside is not None and sum(len(piece.text) for piece in (*row, *beside)) + 2 <= sheet.page.columns:
            row += [Piece("  "), *beside]
        sheet.line(*row)


def _choose_interruption(sheet: Sheet) -> list[Piece] | None:
    """Return print that is not part of the address but may be next to it, or None."""
    chance, merchant = sheet.chance, sheet.merchant
    found: list[list[Piece]] = [[Piece(_make_branch(sheet))]]
    if merchant.site:
        found.append([Piece(merchant.site)])
    if merchant.phone:
        found.append([Piece(chance.choice(("Tel ", "Tel: ", "Ph ", "")), "phone_key"), Piece(merchant.phone, "phone")])
    return chance.choice(found)


def _stylize(name: str, chance: random.Random) -> str:
    """Return a name as a logo may print it: in another case, or with spaces between its letters."""
    if chance.random() < _SPACED and len(name) < _LONGEST_SPACED:
        return " ".join(capitalize(name).replace(" ", ""))
    return chance.choice((capitalize(name), capitalize(name), name.title(), _to_lower(name)))


def _to_lower(text: str) -> str:
    """Return a text in lower case with every character in its place."""
    return "".join(lower if len(lower := character.lower()) == 1 else character for character in text)


def _write_greeting(sheet: Sheet) -> None:
    greeting = sheet.language.caption(sheet.chance, "thanks")
    slogan = sheet.chance.choice(sheet.language.table["slogans"])
    sheet.line(Piece(sheet.chance.choice((greeting.upper(), greeting.title(), f"*** {greeting} ***", slogan))))


def _write_wrapped(sheet: Sheet, text: str, kind: str, scale: float) -> None:
    """Write a name in one row, or in two where it is long."""
    words = text.split()
    is_broken = len(words) > 2 and sheet.chance.random() < _BROKEN_NAME
    if len(text) <= sheet.page.columns / scale and not is_broken:
        sheet.line(Piece(text, kind), scale=scale)
        return
    half = max(len(words) // 2, 1)
    for part in (words[:half], words[half:]):
        if part:
            sheet.line(Piece(" ".join(part), kind), scale=min(scale, 1.3))


def _write_phone(sheet: Sheet) -> None:
    chance, phone = sheet.chance, sheet.merchant.phone
    pieces = [Piece(phone, "phone")]
    if chance.random() < _PHONE_CAPTION:
        caption = chance.choice((choose_phrase(chance, "phone_captions"), sheet.caption("phone")))
        pieces.insert(0, Piece(caption, "phone_key"))
    if chance.random() < _FAX:
        pieces.append(Piece(chance.choice(("  Fax: ", " Fax ", " / ")) + _change_digits(phone, chance)))
    sheet.line(*pieces)


def _change_digits(phone: str, chance: random.Random) -> str:
    """Return another number that begins like the first."""
    half = len(phone) // 2
    return phone[:half] + "".join(chance.choice("0123456789") if one.isdigit() else one for one in phone[half:])


def _write_tax_ids(sheet: Sheet) -> None:
    for name, number in sheet.merchant.tax_ids:
        caption = name + sheet.chance.choice((": ", " ", ":", " : ", ". "))
        sheet.line(Piece(caption, "tax_id_key"), Piece(number, "tax_id"))


def _write_site(sheet: Sheet) -> None:
    sheet.line(Piece(sheet.merchant.site))


def _write_branch(sheet: Sheet) -> None:
    sheet.line(Piece(_make_branch(sheet)))


def _make_branch(sheet: Sheet) -> str:
    branch = choose_phrase(sheet.chance, "branches")
    return branch.format(n=sheet.chance.randint(1, 2999), city=sheet.merchant.place.city)


def _write_manager(sheet: Sheet) -> None:
    title = choose_phrase(sheet.chance, "managers") + sheet.chance.choice((": ", " "))
    sheet.line(Piece(title + make_person(sheet.country, sheet.chance)))

"""Invented merchants: names, registrations, addresses and telephone numbers from grammars."""

from __future__ import annotations

import random
from dataclasses import dataclass

from synthesis.content import words

_LETTERS = "ADHKMPTUVWX"
_EURO_FORMS = {"DE": " GmbH", "FR": " SARL", "ES": " S.L.", "IT": " s.r.l.", "NL": " B.V.", "IE": " Ltd"}


@dataclass(frozen=True)
class Merchant:
    """Who issued the receipt. `address` holds the lines as printed; it may be empty."""

    company: str
    registration: str
    trade_name: str
    address: tuple[str, ...]
    phone: str
    tax_id: str


def digits(rng: random.Random, count: int) -> str:
    """A string of random digits."""
    return "".join(rng.choices("0123456789", k=count))


def malaysian_merchant(rng: random.Random, *, taxed: bool) -> Merchant:
    """A company, enterprise or shop in Malaysia."""
    letter = rng.choice(_LETTERS)
    registration = rng.choice((
        f"({digits(rng, 6)}-{letter})", f"({digits(rng, 7)}-{letter})", f"CO. REG NO: {digits(rng, 7)}-{letter}",
        f"ROC NO. {digits(rng, 6)}-{letter}", f"JM{digits(rng, 7)}-{letter}", f"SSM NO: {digits(rng, 9)}-{letter}",
        f"CO.REG:{digits(rng, 6)}-{letter}", "",
    ))  # fmt: skip
    phone = f"{rng.choice(('03', '07', '04', '05', '06', '012', '016', '019'))}-{digits(rng, rng.choice((7, 8)))}"
    if rng.random() < 0.3:
        phone = f"{phone[:-4]} {phone[-4:]}"
    trade = _name(rng) if rng.random() < 0.18 else ""
    address = _malaysian_address(rng) if rng.random() > 0.02 else ()
    tax_id = f"00{digits(rng, 10)}" if taxed else ""
    return Merchant(_malaysian_company(rng), registration, trade, address, phone, tax_id)


def _syllables(rng: random.Random, count: int) -> str:
    return "".join(rng.choice(words.SYLLABLES) for _ in range(count))


def _name(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.3:
        return " ".join(rng.choice(words.SYLLABLES) for _ in range(rng.randint(2, 3)))
    if kind < 0.55:
        return _syllables(rng, rng.randint(2, 3))
    if kind < 0.75:
        return " ".join(rng.sample(words.MALAY_WORDS, rng.randint(1, 2)))
    if kind < 0.93:
        return " ".join(rng.sample(words.ENGLISH_WORDS, rng.randint(1, 2)))
    return f"{rng.choice('ABCDEFGHJKLMNPRST')}.{rng.choice('ABCDEHKLMNOPSTW')}. {rng.choice(words.ENGLISH_WORDS)}"


def _malaysian_company(rng: random.Random) -> str:
    name = _name(rng)
    if rng.random() < 0.25:
        name = f"{rng.choice(words.MY_PREFIXES)} {name}"
        return f"{name} {rng.choice(words.MY_FORMS)}" if rng.random() < 0.4 else name
    if rng.random() < 0.8:
        name = f"{name} {rng.choice(words.MY_TRADES)}"
    if rng.random() < 0.06:
        name = f"{name} & {rng.choice(words.SYLLABLES)}"
    if rng.random() < 0.07:
        name = f"{name} ({rng.choice(words.MY_TOWNS)[1]})"
    return f"{name} {rng.choice(words.MY_FORMS)}" if rng.random() < 0.78 else name


def _malaysian_street(rng: random.Random) -> str:
    small, large = rng.randint(1, 60), rng.randint(61, 199)
    number = rng.choice((
        f"NO. {large}", f"NO {small}", f"NO.{small}-{rng.randint(1, 3)}", f"LOT {rng.randint(1, 9999)}", f"{large}",
        f"NO. {small} & {large}", f"{small}-G", f"NO.{small}G", f"LOT {rng.choice('ABCG')}-{small}", f"{small}",
        f"NO {small}, {large}", f"PT {rng.randint(100, 9999)}", f"G-{small}", f"NO.{small},{small + 2} & {small + 4}",
    ))  # fmt: skip
    kind = rng.choice(("JALAN", "JALAN", "JALAN", "JALAN", "JLN", "LORONG", "PERSIARAN", "JALAN USJ", "LEBUH"))
    name = rng.choice((rng.choice(words.MALAY_WORDS), _syllables(rng, 2)))
    section = rng.randint(1, 12)
    suffix = rng.choice(("", f" {section}", f" {section}/{rng.randint(1, 30)}", f" {section}{rng.choice('ABCD')}"))
    return f"{number}, {kind} {name}{suffix}"


def _malaysian_address(rng: random.Random) -> tuple[str, ...]:
    parts = [_malaysian_street(rng)]
    if rng.random() < 0.12:
        floor = rng.choice(("GROUND FLOOR", "LEVEL 2", "1ST FLOOR", "LG FLOOR"))
        building = rng.choice(("WISMA", "PLAZA", "MENARA", "KOMPLEKS"))
        parts.insert(0, f"{floor}, {building} {rng.choice(words.MALAY_WORDS)}")
    if rng.random() < 0.75:
        area = rng.choice(
            ("TAMAN", "TAMAN", "BANDAR BARU", "TMN", "KAWASAN PERINDUSTRIAN", "DESA", "SEKSYEN 7,", "KAMPUNG")
        )
        parts.append(f"{area} {rng.choice(words.MALAY_WORDS)}")
    postcode, town, state = rng.choice(words.MY_TOWNS)
    if rng.random() < 0.6:
        postcode = postcode[:3] + digits(rng, 2)
    parts.append(f"{postcode} {town}" if rng.random() < 0.93 else f"{postcode}, {town}")
    if state and rng.random() < 0.75:
        parts.append(state)
    comma = "," if rng.random() < 0.85 else ""
    lines = [f"{part}{comma}" for part in parts[:-1]] + [parts[-1] + rng.choice(("", "", ".", ","))]
    return _joined(rng, lines)


def _joined(rng: random.Random, lines: list[str]) -> tuple[str, ...]:
    """Put short neighbors on one line, as printers do to save paper."""
    limit = rng.choice((24, 30, 36, 42))
    glue = "" if rng.random() < 0.1 else " "
    joined = [lines[0]]
    for line in lines[1:]:
        if len(joined[-1]) + len(line) + 1 <= limit:
            joined[-1] = f"{joined[-1]}{glue if joined[-1].endswith(',') else ' '}{line}"
        else:
            joined.append(line)
    return tuple(joined)


def american_merchant(rng: random.Random) -> Merchant:
    """A shop or restaurant in the United States; the company is written in title case."""
    town, state, prefix = rng.choice(words.US_TOWNS)
    street = f"{rng.randint(1, 9999)} {rng.choice(('', '', 'N ', 'S ', 'West '))}{rng.choice(words.US_STREETS)}"
    place = f"{town}, {state} {prefix}{digits(rng, 2)}"
    address = (street, place) if rng.random() < 0.85 else (street, f"Suite {rng.randint(100, 900)}", place)
    area, exchange, line = digits(rng, 3), digits(rng, 3), digits(rng, 4)
    phone = f"({area}) {exchange}-{line}" if rng.random() < 0.5 else f"{area}-{exchange}-{line}"
    ending = rng.choice(("", "", "", " LLC", " Inc.", " Co."))
    company = f"{rng.choice(('', '', 'The '))}{rng.choice(words.US_NAMES)} {rng.choice(words.US_TRADES)}{ending}"
    return Merchant(company, "", "", address if rng.random() > 0.05 else (), phone, "")


def british_merchant(rng: random.Random) -> Merchant:
    """A shop or pub in the United Kingdom."""
    town, area = rng.choice(words.UK_TOWNS)
    postcode = f"{area} {rng.randint(1, 9)}{rng.choice('ABDEFGHJLN')}{rng.choice('PQRSTUWXYZ')}"
    street = f"{rng.randint(1, 240)} {rng.choice(words.UK_STREETS)}"
    forms = ((street, town, postcode), (street, f"{town} {postcode}"), (f"{street},", f"{town}, {postcode}"))
    company = f"{rng.choice(words.US_NAMES)} {rng.choice(words.UK_TRADES)}{rng.choice(('', '', ' Ltd', ' Limited'))}"
    tax_id = f"GB {digits(rng, 3)} {digits(rng, 4)} {digits(rng, 2)}"
    return Merchant(company, "", "", rng.choice(forms), f"0{digits(rng, 4)} {digits(rng, 6)}", tax_id)


def european_merchant(rng: random.Random) -> tuple[str, Merchant]:
    """A merchant in the euro area, with the two letters of the country."""
    code, street, postcode, town = rng.choice(words.EURO_PLACES)
    number = rng.randint(1, 150)
    line = f"{number} {street}" if code in {"FR", "IE"} else f"{street} {number}"
    address = (line, f"{town} {postcode}" if code == "IE" else f"{postcode} {town}")
    form = _EURO_FORMS[code] if rng.random() < 0.4 else ""
    company = f"{rng.choice(words.EURO_TRADES[code])} {rng.choice(words.US_NAMES)}{form}"
    phone = f"+{rng.randint(31, 49)} {digits(rng, 2)} {digits(rng, 7)}"
    return code, Merchant(company, "", "", address, phone, f"{code}{digits(rng, 9)}")

"""Draw invented merchants: names, registration numbers, addresses and phone numbers."""

from __future__ import annotations

import random
from dataclasses import dataclass

from synthesis.content import words

_LETTERS = "ADHKMPTUVWX"
_EURO_FORMS = {"DE": " GmbH", "FR": " SARL", "ES": " S.L.", "IT": " s.r.l.", "NL": " B.V.", "IE": " Ltd"}


@dataclass(frozen=True)
class Merchant:
    """The issuer of a receipt. `address` holds the lines as printed and may be empty."""

    company: str
    registration: str
    trade_name: str
    address: tuple[str, ...]
    phone: str
    tax_id: str


def draw_digits(rng: random.Random, count: int) -> str:
    """Return a string of random digits."""
    return "".join(rng.choices("0123456789", k=count))


def draw_malaysian_merchant(rng: random.Random, *, taxed: bool) -> Merchant:
    """Draw a company, enterprise or shop in Malaysia."""
    letter = rng.choice(_LETTERS)
    registration = rng.choice((
        f"({draw_digits(rng, 6)}-{letter})",
        f"({draw_digits(rng, 7)}-{letter})",
        f"CO. REG NO: {draw_digits(rng, 7)}-{letter}",
        f"ROC NO. {draw_digits(rng, 6)}-{letter}",
        f"JM{draw_digits(rng, 7)}-{letter}",
        f"SSM NO: {draw_digits(rng, 9)}-{letter}",
        f"CO.REG:{draw_digits(rng, 6)}-{letter}",
        "",
    ))  # fmt: skip
    phone = f"{rng.choice(('03', '07', '04', '05', '06', '012', '016', '019'))}-{draw_digits(rng, rng.choice((7, 8)))}"
    if rng.random() < 0.3:
        phone = f"{phone[:-4]} {phone[-4:]}"
    trade = _draw_name(rng) if rng.random() < 0.18 else ""
    address = _draw_malaysian_address(rng) if rng.random() > 0.02 else ()
    tax_id = f"00{draw_digits(rng, 10)}" if taxed else ""
    return Merchant(_draw_malaysian_company(rng), registration, trade, address, phone, tax_id)


def _draw_syllables(rng: random.Random, count: int) -> str:
    return "".join(rng.choice(words.SYLLABLES) for _ in range(count))


def _draw_name(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.3:
        return " ".join(rng.choice(words.SYLLABLES) for _ in range(rng.randint(2, 3)))
    if kind < 0.55:
        return _draw_syllables(rng, rng.randint(2, 3))
    if kind < 0.75:
        return " ".join(rng.sample(words.MALAY_WORDS, rng.randint(1, 2)))
    if kind < 0.93:
        return " ".join(rng.sample(words.ENGLISH_WORDS, rng.randint(1, 2)))
    return f"{rng.choice('ABCDEFGHJKLMNPRST')}.{rng.choice('ABCDEHKLMNOPSTW')}. {rng.choice(words.ENGLISH_WORDS)}"


def _draw_malaysian_company(rng: random.Random) -> str:
    name = _draw_name(rng)
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


def _draw_malaysian_street(rng: random.Random) -> str:
    small, large = rng.randint(1, 60), rng.randint(61, 199)
    number = rng.choice((
        f"NO. {large}", f"NO {small}", f"NO.{small}-{rng.randint(1, 3)}", f"LOT {rng.randint(1, 9999)}", f"{large}",
        f"NO. {small} & {large}", f"{small}-G", f"NO.{small}G", f"LOT {rng.choice('ABCG')}-{small}", f"{small}",
        f"NO {small}, {large}", f"PT {rng.randint(100, 9999)}", f"G-{small}", f"NO.{small},{small + 2} & {small + 4}",
    ))  # fmt: skip
    kind = rng.choice(("JALAN", "JALAN", "JALAN", "JALAN", "JLN", "LORONG", "PERSIARAN", "JALAN USJ", "LEBUH"))
    name = rng.choice((rng.choice(words.MALAY_WORDS), _draw_syllables(rng, 2)))
    section = rng.randint(1, 12)
    suffix = rng.choice(("", f" {section}", f" {section}/{rng.randint(1, 30)}", f" {section}{rng.choice('ABCD')}"))
    return f"{number}, {kind} {name}{suffix}"


def _draw_malaysian_address(rng: random.Random) -> tuple[str, ...]:
    parts = [_draw_malaysian_street(rng)]
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
        postcode = postcode[:3] + draw_digits(rng, 2)
    parts.append(f"{postcode} {town}" if rng.random() < 0.93 else f"{postcode}, {town}")
    if state and rng.random() < 0.75:
        parts.append(state)
    comma = "," if rng.random() < 0.85 else ""
    lines = [f"{part}{comma}" for part in parts[:-1]] + [parts[-1] + rng.choice(("", "", ".", ","))]
    return _join_short_lines(rng, lines)


def _join_short_lines(rng: random.Random, lines: list[str]) -> tuple[str, ...]:
    """Join short neighbors into one line, as printers do to save paper."""
    limit = rng.choice((24, 30, 36, 42))
    glue = "" if rng.random() < 0.1 else " "
    joined = [lines[0]]
    for line in lines[1:]:
        if len(joined[-1]) + len(line) + 1 <= limit:
            joined[-1] = f"{joined[-1]}{glue if joined[-1].endswith(',') else ' '}{line}"
        else:
            joined.append(line)
    return tuple(joined)


def draw_american_merchant(rng: random.Random) -> Merchant:
    """Draw a shop or restaurant in the United States; the company is in title case."""
    town, state, prefix = rng.choice(words.US_TOWNS)
    street = f"{rng.randint(1, 9999)} {rng.choice(('', '', 'N ', 'S ', 'West '))}{rng.choice(words.US_STREETS)}"
    place = f"{town}, {state} {prefix}{draw_digits(rng, 2)}"
    address = (street, place) if rng.random() < 0.85 else (street, f"Suite {rng.randint(100, 900)}", place)
    area, exchange, line = draw_digits(rng, 3), draw_digits(rng, 3), draw_digits(rng, 4)
    phone = f"({area}) {exchange}-{line}" if rng.random() < 0.5 else f"{area}-{exchange}-{line}"
    ending = rng.choice(("", "", "", " LLC", " Inc.", " Co."))
    company = f"{rng.choice(('', '', 'The '))}{rng.choice(words.US_NAMES)} {rng.choice(words.US_TRADES)}{ending}"
    return Merchant(company, "", "", address if rng.random() > 0.05 else (), phone, "")


def draw_british_merchant(rng: random.Random) -> Merchant:
    """Draw a shop or pub in the United Kingdom."""
    town, area = rng.choice(words.UK_TOWNS)
    postcode = f"{area} {rng.randint(1, 9)}{rng.choice('ABDEFGHJLN')}{rng.choice('PQRSTUWXYZ')}"
    street = f"{rng.randint(1, 240)} {rng.choice(words.UK_STREETS)}"
    forms = ((street, town, postcode), (street, f"{town} {postcode}"), (f"{street},", f"{town}, {postcode}"))
    company = f"{rng.choice(words.US_NAMES)} {rng.choice(words.UK_TRADES)}{rng.choice(('', '', ' Ltd', ' Limited'))}"
    tax_id = f"GB {draw_digits(rng, 3)} {draw_digits(rng, 4)} {draw_digits(rng, 2)}"
    return Merchant(company, "", "", rng.choice(forms), f"0{draw_digits(rng, 4)} {draw_digits(rng, 6)}", tax_id)


def draw_european_merchant(rng: random.Random) -> tuple[str, Merchant]:
    """Draw a merchant in the euro area; return the ISO 3166 code of the country and the merchant."""
    code, street, postcode, town = rng.choice(words.EURO_PLACES)
    number = rng.randint(1, 150)
    line = f"{number} {street}" if code in {"FR", "IE"} else f"{street} {number}"
    address = (line, f"{town} {postcode}" if code == "IE" else f"{postcode} {town}")
    form = _EURO_FORMS[code] if rng.random() < 0.4 else ""
    company = f"{rng.choice(words.EURO_TRADES[code])} {rng.choice(words.US_NAMES)}{form}"
    phone = f"+{rng.randint(31, 49)} {draw_digits(rng, 2)} {draw_digits(rng, 7)}"
    return code, Merchant(company, "", "", address, phone, f"{code}{draw_digits(rng, 9)}")

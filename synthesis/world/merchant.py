"""Merchants of a country: names, addresses, telephone numbers and tax IDs."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from faker import Faker
from stdnum import get_cc_module

from synthesis.world.countries import Country, Language, TaxId, choose_phrase

_ID_TRIES = 40
# Letters that British and Canadian postal codes have at any place.
_POSTAL_LETTERS = "ABEGHJLNPRSTWXYZ"
_BRAND, _SHOP = 0.4, 0.8
_LEGAL, _NAMED_ALIKE, _TAX_ID, _PHONE, _SITE = 0.45, 0.6, 0.6, 0.7, 0.35


@dataclass(frozen=True)
class Address:
    """An address as printed, and its parts.

    Attributes:
        rows: From top to bottom.
        street: Name of the street; "" if it is not printed.
        number: House number; "" if it is not printed.
        postal_code: "" if it is not printed.
        city: "" if it is not printed.
    """

    rows: tuple[str, ...]
    street: str
    number: str
    postal_code: str
    city: str


@dataclass(frozen=True)
class Merchant:
    """Who issues a receipt.

    Attributes:
        name: What customers call it.
        legal_name: Its registered name, if the receipt has one; "" for none.
        place: The address.
        phone: Telephone number; "" for none.
        site: Web or mail address; "" for none.
        tax_ids: Caption and number of each.
        person: Someone who works there.
    """

    name: str
    legal_name: str
    place: Address
    phone: str
    site: str
    tax_ids: tuple[tuple[str, str], ...]
    person: str


def make_merchant(country: Country, language: Language, brands: Sequence[str], chance: random.Random) -> Merchant:
    """Make up a merchant.

    Args:
        country: Where it is.
        language: Of its name.
        brands: Names of real chains, of which the merchant may be one; may be empty.
        chance: Source of random choices.
    """
    person = make_person(country, chance)
    place = make_address(country, chance)
    name = _make_name(country, language, brands, person, place.city, chance)
    form = chance.choice(country["forms"])
    owner = f"{person.split()[-1]} {choose_phrase(chance, 'holdings')}".strip()
    base = name if chance.random() < _NAMED_ALIKE else owner
    legal = form.format(name=base) if "{name}" in form else f"{base} {form}"
    ids = tuple(
        (chance.choice(one.names), make_tax_id(one, chance)) for one in country.tax_ids if chance.random() < _TAX_ID
    )
    return Merchant(
        name=name,
        legal_name=legal if chance.random() < _LEGAL else "",
        place=place,
        phone=make_phone(country, chance) if chance.random() < _PHONE else "",
        site=_make_site(name, country, chance) if chance.random() < _SITE else "",
        tax_ids=ids,
        person=person,
    )


def make_person(country: Country, chance: random.Random) -> str:
    """Return the name of a person."""
    names = country.options("names")
    if names and (not country["locale"] or chance.random() < 0.5):
        return chance.choice(names)
    faker = _faker(str(country["locale"]) or "en_US")
    faker.seed_instance(chance.getrandbits(32))
    return f"{faker.first_name()} {faker.last_name()}"


def make_address(country: Country, chance: random.Random) -> Address:
    """Return an address in one of the cities of a country."""
    city, postcode, state = chance.choice(country["cities"]).split("|")
    layout = chance.choice(country["address"])
    streets = country.options("streets")
    street = chance.choice(streets) if streets and chance.random() < 0.6 else ""
    if not street:
        street = _make_street(country, chance) or chance.choice(streets)
    parts = {
        "number": _make_number(chance),
        "n": str(chance.randint(1, 40)),
        "m": str(chance.randint(1, 30)),
        "slash": "/",
        "letter": chance.choice("ABCDEFGH"),
        "street": street,
        "unit": chance.choice(country.options("units") or [""]),
        "area": chance.choice(country.options("areas") or [""]),
        "city": city,
        "postcode": fill_pattern(postcode, chance, _POSTAL_LETTERS),
        "state": state,
    }
    filled = layout.replace("{unit}", parts["unit"]).replace("{area}", parts["area"])
    filled = filled.replace("{slash}", "\0").replace("/", "\n").replace("\0", "/")
    rows = [_tidy(row.format(**parts)) for row in filled.split("\n")]
    rows = [row for row in rows if row]
    if len(rows) > 1 and chance.random() < 0.15:
        separator = chance.choice((", ", " - ", " | ", " ", ","))
        rows = [separator.join(rows)]
    return Address(
        tuple(rows),
        street if "{street}" in layout else "",
        parts["number"] if "{number}" in layout else "",
        parts["postcode"] if "{postcode}" in layout else "",
        city if any(city in row for row in rows) else "",
    )


def make_phone(country: Country, chance: random.Random) -> str:
    """Return a telephone number as it is printed."""
    kind = chance.choice((phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE))
    number = phonenumbers.example_number_for_type(country.code, kind)
    if number is None or number.national_number is None:
        return fill_pattern("### ### ####", chance)
    digits = str(number.national_number)
    kept = min(3, len(digits) - 4)
    number.national_number = int(digits[:kept] + "".join(chance.choice(string.digits) for _ in digits[kept:]))
    style = chance.choice((phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL))
    text = phonenumbers.format_number(number, style)
    return chance.choice((text, text, text.replace(" ", "-"), text.replace(" ", ""), text.replace("-", ".")))


def make_tax_id(kind: TaxId, chance: random.Random) -> str:
    """Return a number with correct check digits, as far as a few random numbers give one."""
    number = fill_pattern(kind.pattern, chance)
    module = get_cc_module(*kind.module.split(".")) if kind.module else None
    if module is None:
        return number
    for _ in range(_ID_TRIES):
        if module.is_valid(number):
            break
        number = fill_pattern(kind.pattern, chance)
    return number


def fill_pattern(pattern: str, chance: random.Random, letters: str = string.ascii_uppercase) -> str:
    """Replace `#` by digits, `@` by letters and `&` by either."""
    sets = {"#": string.digits, "@": letters, "&": string.digits + string.ascii_uppercase}
    return "".join(chance.choice(sets[character]) if character in sets else character for character in pattern)


@lru_cache(maxsize=64)
def _faker(locale: str) -> Faker:
    return Faker(locale)


def _make_street(country: Country, chance: random.Random) -> str:
    """Return the name of a street without a number; "" where there is no data."""
    if not country["locale"]:
        return ""
    faker = _faker(str(country["locale"]))
    faker.seed_instance(chance.getrandbits(32))
    return str(faker.street_name())


def _make_number(chance: random.Random) -> str:
    """Return a house number."""
    number = str(round(chance.lognormvariate(3.6, 1.3)) or 1)
    if chance.random() < 0.12:
        number += chance.choice(("a", "b", "A", "B", "-1", f"-{int(number) + 2}", "/2"))
    return number


def _make_name(
    country: Country, language: Language, brands: Sequence[str], person: str, city: str, chance: random.Random
) -> str:
    draw = chance.random()
    if brands and draw < _BRAND:
        return chance.choice(brands)
    owner = chance.choice(
        (person, person.split()[0], person.split()[-1], city.split(",")[0], choose_phrase(chance, "fantasy"))
    )
    if draw < _SHOP:
        return chance.choice(language.table["shops"]).format(name=owner)
    faker = _faker(str(country["locale"]) or "en_US")
    faker.seed_instance(chance.getrandbits(32))
    if draw < _SHOP + 0.1:
        return str(faker.company())
    # A fantasy name of one or two words.
    words = [
        str(faker.last_name()),
        choose_phrase(chance, "fantasy"),
        chance.choice(language.table["goods"]).split()[0],
    ]
    return " ".join(chance.sample(words, chance.randint(1, 2)))


def _make_site(name: str, country: Country, chance: random.Random) -> str:
    host = re.sub(r"[^a-z0-9]", "", name.lower()) or "shop"
    top = chance.choice(("com", country.code.lower()))
    forms = ("www.{0}", "{0}", "info@{0}", "https://{0}", "www.{0}/shop")
    return chance.choice(forms).format(f"{host}.{top}")


def _tidy(row: str) -> str:
    """Remove what empty parts leave behind."""
    row = re.sub(r"\s+", " ", row)
    row = re.sub(r"(?:\s?,)+(?=\s?,)", "", row)
    return row.strip(" ,-")

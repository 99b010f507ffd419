"""Measures how addresses of many countries are split into street, postal code and city.

    python -m benchmarks.countries.addresses --output runs/addresses.json [--receipts 6000] [--seed 10000000]

The addresses are those of made-up receipts (`synthesis.world`) that trainings do not use, given without reading errors.
A part is right if it is what was printed, without regard to case and accents; a street, if it has the name of the
street and the house number, but neither city nor postal code. Where a part is not printed, none must be answered.
Of a district and its city, either is right.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import write_json
from shared.normalization.addresses import AddressParts, split_address
from shared.normalization.folding import fold
from synthesis.world.countries import choose_country
from synthesis.world.merchant import Address, make_address

PARTS = ("street", "postal_code", "city")


def compare_parts(printed: Address, found: AddressParts) -> dict[str, bool]:
    """Return whether each part is right."""
    street = _plain(found.street)
    has_street = _plain(printed.street) in street and printed.number.lower() in street
    is_clean = not printed.postal_code or printed.postal_code.lower() not in street
    ends_in_city = street.endswith(f" {_plain(printed.city)}") and _plain(printed.city) not in _plain(printed.street)
    return {
        "street": has_street and is_clean and not ends_in_city,
        "postal_code": _plain(found.postal_code).rpartition("-")[2] == _plain(printed.postal_code).rpartition("-")[2],
        "city": _plain(found.city) in {_plain(printed.city), *map(_plain, printed.city.split(","))},
    }


def measure(count: int, seed: int, *, told: bool = True) -> dict[str, dict[str, float]]:
    """Return the share of right parts by country and for `all`, 0 to 1.

    Args:
        count: Number of addresses.
        seed: Of the first one; the others have the following ones.
        told: Whether the country is given.
    """
    results: defaultdict[str, list[dict[str, bool]]] = defaultdict(list)
    for number in range(seed, seed + count):
        chance = random.Random(number)
        country = choose_country(chance)
        address = make_address(country, chance)
        right = compare_parts(address, split_address(address.rows, country.code if told else None))
        results[country.code].append(right)
        results["all"].append(right)
    return {
        code: {part: sum(one[part] for one in found) / len(found) for part in PARTS}
        for code, found in sorted(results.items())
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Measure how addresses of many countries are split.")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--receipts", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=10_000_000)
    options = parser.parse_args(arguments)
    result = {
        "country given": measure(options.receipts, options.seed),
        "country unknown": measure(options.receipts, options.seed, told=False),
    }
    for name, by_country in result.items():
        print(name, {part: round(value, 3) for part, value in by_country["all"].items()})
    if options.output:
        write_json(options.output, result)


def _plain(text: str | None) -> str:
    return " ".join(fold(text or "").replace(",", " ").split())


if __name__ == "__main__":
    main()

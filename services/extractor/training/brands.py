"""Extraction of brand names from the name-suggestion-index: `python -m services.extractor.training.brands PACKAGE.tgz`.

The index (npm package `name-suggestion-index`, BSD-3-Clause) lists brands of shops, restaurants and other places that
OpenStreetMap maps, with the countries they are found in. Only names and countries are kept. Get the package with
`npm pack name-suggestion-index`.
"""

from __future__ import annotations

import argparse
import json
import re
import tarfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from services.extractor.companies.brands import BRANDS, LICENSE
from shared.normalization.folding import fold

_KINDS = frozenset({"amenity", "craft", "healthcare", "leisure", "office", "shop", "tourism"})
_DATA, _LICENSE = "package/dist/json/nsi.min.json", "package/LICENSE.md"
_MIN_LETTERS = 3
_COUNTRY = re.compile(r"([a-z]{2})(?:-.*)?(?:\.geojson)?")


def extract_brands(index: dict[str, Any]) -> dict[str, set[str]]:
    """Return the Latin-script brands of an index with their countries (ISO 3166; none if they are worldwide).

    Args:
        index: The object `nsi` of the index: for each path such as "brands/shop/bakery", its `items`.
    """
    brands: defaultdict[str, set[str]] = defaultdict(set)
    worldwide: set[str] = set()
    for path, entry in index.items():
        tree, kind, *_ = path.split("/")
        if tree != "brands" or kind not in _KINDS:
            continue
        for item in entry["items"]:
            name = " ".join(str(item["tags"].get("brand") or item["displayName"]).split())
            letters = [character for character in fold(name) if character.isalnum()]
            if len(letters) >= _MIN_LETTERS and all(character.isascii() for character in letters):
                countries = _countries(item)
                brands[name] |= countries
                worldwide |= set() if countries else {name}
    return {name: set() if name in worldwide else countries for name, countries in brands.items()}


def _countries(item: dict[str, Any]) -> set[str]:
    places = (place for place in item.get("locationSet", {}).get("include", []) if isinstance(place, str))
    return {match[1].upper() for place in places if (match := _COUNTRY.fullmatch(place))}


def main() -> None:
    """Write the brands and their license beside the code that reads them."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("package", type=Path, help="the packed npm package name-suggestion-index")
    with tarfile.open(parser.parse_args().package) as package:
        content = {name: package.extractfile(name) for name in (_DATA, _LICENSE)}
        data, text = (file.read() for file in content.values() if file is not None)
    brands = extract_brands(json.loads(data)["nsi"])
    lines = [f"{name}\t{' '.join(sorted(countries))}" for name, countries in sorted(brands.items())]
    BRANDS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    LICENSE.write_bytes(text)


if __name__ == "__main__":
    main()

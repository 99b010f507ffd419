"""The tables from CLDR."""

from __future__ import annotations

import json

from shared.normalization import build_cldr
from shared.normalization.cldr import cash_digits, load_cldr


def test_the_file_is_what_the_installed_babel_gives() -> None:
    assert json.loads(build_cldr.OUTPUT.read_text(encoding="utf-8")) == json.loads(json.dumps(build_cldr.build()))


def test_knows_decimals_currencies_and_date_orders() -> None:
    assert [cash_digits(code) for code in ("EUR", "JPY", "IDR", "HUF", "KWD")] == [2, 0, 0, 0, 3]
    territories = load_cldr().territories
    assert territories["DE"].currencies == ("EUR",)
    assert [code for code in ("US", "GB", "MY", "PH") if territories[code].month_first] == ["US", "PH"]
    assert "kr" in load_cldr().signs

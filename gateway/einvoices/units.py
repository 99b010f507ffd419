"""Units of UN/ECE Recommendation 20, annexes I and II, by their common codes."""

from __future__ import annotations

# One, piece, each, and piece of Recommendation 21.
_PIECES = frozenset({"C62", "H87", "EA", "XPP", "PCE"})
# Symbols of the International System of Units, which all languages share.
_SYMBOLS = {
    **{"MGM": "mg", "GRM": "g", "KGM": "kg", "TNE": "t"},
    **{"MLT": "ml", "CLT": "cl", "LTR": "l", "MTQ": "m³"},
    **{"MMT": "mm", "CMT": "cm", "MTR": "m", "KMT": "km", "MTK": "m²"},
    **{"SEC": "s", "MIN": "min", "HUR": "h", "DAY": "d"},
    **{"KWH": "kWh", "P1": "%"},
}


def name_unit(code: str | None) -> str | None:
    """Return the symbol of a unit, its code if there is none, or None for pieces."""
    return None if code is None or code in _PIECES else _SYMBOLS.get(code, code)

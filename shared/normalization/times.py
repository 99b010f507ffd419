"""Times of day as receipts print them, in ISO 8601."""

from __future__ import annotations

import re

TIME = re.compile(
    # A caption may touch it ("TIME:06:20"), other digits may not.
    r"(?<!\d)(?<!\d[:.,])(?P<hour>[01]?\d|2[0-3])(?P<separator>[:.hH])(?P<minute>[0-5]\d)(?:[:.](?P<second>[0-5]\d))?"
    r"(?![\d:])\s?(?P<half>[AaPp]\.?\s?[Mm]\b\.?)?"
)


def to_iso_time(match: re.Match[str]) -> str | None:
    """Return a match of `TIME` in ISO 8601, 24 hours; None if there is no such hour, such as 13 PM."""
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (match["half"][0] in "pP")
    seconds = f":{match['second']}" if match["second"] else ""
    return f"{hour:02d}:{match['minute']}{seconds}"

"""The `Cache-Control` header of requests."""

from __future__ import annotations

import pytest

from gateway.storage.cache_control import UNRESTRICTED, Caching


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, UNRESTRICTED),
        ("", UNRESTRICTED),
        ("max-age=3", UNRESTRICTED),
        ("no-store", Caching(may_keep=False)),
        ("No-Store , no-cache", Caching(may_look=False, may_keep=False)),
        ("no-cache=x", Caching(may_look=False)),
    ],
)
def test_parses_cache_control(header: str | None, expected: Caching) -> None:
    assert Caching.parse(header) == expected

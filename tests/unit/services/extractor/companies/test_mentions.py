"""Names within longer lines."""

from __future__ import annotations

import pytest

from services.extractor.companies.mentions import find_mentions


@pytest.mark.parametrize(
    ("text", "printed", "brand", "in_site"),
    [
        ("Survey: 1idl.co.uk/haveyoursay", "1idl", "Lidl", True),
        ("visit www. target.com today", "target", "Target", True),
        ("LIDL vous remercie", "LIDL", "Lidl", False),
        ("WWW.GREENOWLTAVERN.COM", "GREENOWLTAVERN", None, True),
        ("greenowltavern@gmail.com", "greenowltavern", None, True),
    ],
)
def test_finds_names_within_lines(text: str, printed: str, brand: str | None, in_site: bool) -> None:
    (found,) = find_mentions(text)
    assert text[found.start : found.end] == printed
    assert (found.brand, found.in_site) == (brand, in_site)


@pytest.mark.parametrize("text", ["info@gmail.com", "AMT.RM 5.00", "No.53 JALAN", "Total 12.50", "facebook.com/us"])
def test_codes_mailboxes_and_services_are_not_names(text: str) -> None:
    assert not [one for one in find_mentions(text) if one.in_site]

"""Fixtures that all tests share, and markers by folder."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SROIE = ROOT.parent / "shared" / "sroie"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder in ("unit", "end_to_end"):
            item.add_marker(folder)
        if "browser" in getattr(item, "fixturenames", ()):
            # On a busy machine, a browser may miss an event. The report lists reruns.
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def sroie() -> Path:
    """The folder of the SROIE receipts; tests that need it are skipped if it is missing."""
    if not (SROIE / "split.json").is_file():
        pytest.skip(f"the SROIE receipts are not at {SROIE}")
    return SROIE

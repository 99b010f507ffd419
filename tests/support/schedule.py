"""Which tests run in the same process when pytest-xdist runs several.

The tests of a file stay together, because they share fixtures. Tests that use the same running apps stay together too,
whatever their files: every process that needs the apps has to start them, and some tests stop them.
"""

from __future__ import annotations

from collections.abc import Collection

from xdist.scheduler import LoadGroupScheduling

# Fixtures that start apps, the largest first: `deployment` includes the app of `embedded`.
_SHARED_APPS = ("deployment", "embedded")


class FileScheduling(LoadGroupScheduling):  # type: ignore[misc] # xdist has no types
    """Keeps tests of a group together, and otherwise the tests of a file."""

    def _split_scope(self, nodeid: str) -> str:
        group: str = super()._split_scope(nodeid)
        return group.partition("::")[0]


def find_group(fixtures: Collection[str]) -> str | None:
    """Return the group of a test with these fixtures; None if it shares no apps."""
    return next((name for name in _SHARED_APPS if name in fixtures), None)

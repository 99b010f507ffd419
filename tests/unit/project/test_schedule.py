"""Tests that share running apps run in one process, and the others with those of their file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.schedule import FileScheduling, find_group


@pytest.mark.parametrize(
    ("fixtures", "group"),
    [
        (["gateway", "deployment", "embedded", "repository"], "deployment"),
        (["visit", "embedded", "weights"], "embedded"),
        (["site", "repository"], None),
        ([], None),
    ],
)
def test_group_is_the_largest_set_of_apps(fixtures: list[str], group: str | None) -> None:
    assert find_group(fixtures) == group


@pytest.mark.parametrize(
    ("test", "scope"),
    [
        ("tests/a.py::test_reads[it@home.py::x]", "tests/a.py"),
        ("tests/a.py::test_reads[x]@deployment", "deployment"),
        ("tests/b.py::test_reads@deployment", "deployment"),
    ],
)
def test_tests_of_a_file_or_group_stay_together(test: str, scope: str) -> None:
    assert FileScheduling._split_scope(FileScheduling.__new__(FileScheduling), test) == scope


def test_make_runs_the_tests_with_this_schedule(repository: Path) -> None:
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    assert "--numprocesses $(WORKERS) --dist loadgroup" in makefile
    assert makefile.count("\t@$(PYTEST)") == 3

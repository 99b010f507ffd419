"""The check of phrases finds them across lines, and leaves other text alone."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def check(repository: Path) -> dict[str, Any]:
    return runpy.run_path(str(repository / ".ci" / "check_phrases.py"))


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("It is no JSON.", "is no JSON"),
        ("pages a receipt", "pages a receipt"),
        ("# Pages\n# a receipt read.", "Pages a receipt"),
        ("The value is\n    told here", "is told "),
        ("One, else two.", ", else "),
    ],
)
def test_finds_phrases(check: dict[str, Any], text: str, phrase: str) -> None:
    ((line, found, _),) = check["find_phrases"](text, check["load_phrases"]())
    assert (line, found) == (1, phrase)


@pytest.mark.parametrize(
    "text",
    [
        "There is no cache.",
        "It is no longer open.",
        "pages per receipt",
        "Returns pages.\n\nA receipt has one.",
        "x = 1 if y else 2",
    ],
)
def test_accepts_other_text(check: dict[str, Any], text: str) -> None:
    assert list(check["find_phrases"](text, check["load_phrases"]())) == []


def test_names_the_line(check: dict[str, Any]) -> None:
    text = "one\n\n# two\n# three anew\n"
    assert [line for line, _, _ in check["find_phrases"](text, check["load_phrases"]())] == [4]


def test_checks_code_and_docs_but_no_data(check: dict[str, Any], repository: Path) -> None:
    names = {path.relative_to(repository).as_posix() for path in check["find_files"](repository)}
    assert {"README.md", "gateway/app.py", "docs/api.md", ".github/workflows/ci.yml", "deploy/Dockerfile"} <= names
    assert not {name for name in names if name.startswith((".venv", "runs/")) or name.endswith(".json")}
    assert "shared/normalization/vocabulary.toml" not in names

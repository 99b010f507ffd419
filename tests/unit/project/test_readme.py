"""What the README and the docs tell people to type is there to be typed."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import BaseModel

from benchmarks import readme
from gateway.jobs.contracts import Job
from gateway.settings import GatewaySettings
from quittance.cli import app
from services.detector.settings import DetectorSettings
from services.extractor.settings import ExtractorSettings
from services.recognizer.settings import RecognizerSettings
from shared.contracts import Corrections, Problem, Receipt

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SETTINGS = (GatewaySettings, DetectorSettings, RecognizerSettings, ExtractorSettings)


def blocks(language: str) -> Iterator[str]:
    for page in PAGES:
        for match in re.finditer(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            yield match[1]


def commands(program: str) -> list[list[str]]:
    found = []
    for block in blocks("bash"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words and words[0] == program:
                found.append(words[1:])
    assert found, f"no page has a command {program}"
    return found


@pytest.mark.parametrize("words", commands("quittance"), ids=" ".join)
def test_commands_of_quittance_are_accepted(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    if words[0].startswith("--"):
        assert words[0] in {option for one in command.params for option in one.opts}
        return
    while hasattr(command, "commands"):
        name, *words = words
        assert name in command.commands
        command = command.commands[name]
    command.make_context(command.name, words)  # parses and checks; runs nothing


@pytest.mark.parametrize("words", commands("make"), ids=" ".join)
def test_targets_of_make_are_there(words: list[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert {word for word in words if "=" not in word} <= targets


def test_variables_are_settings() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    known = {f"QUITTANCE_{name.upper()}" for settings in SETTINGS for name in settings.model_fields}
    known |= {
        f"QUITTANCE_{settings.service.upper()}_{name.upper()}"
        for settings in SETTINGS
        if settings.service
        for name in settings.model_fields
    }
    named = set(re.findall(r"QUITTANCE_[A-Z_]+[A-Z]", text))
    known.add("QUITTANCE_API_KEY")  # of the command line, which has no other setting of its own
    assert len(named) > 10
    assert named <= known


def test_defaults_in_the_table_are_those_of_the_settings() -> None:
    table = re.findall(r"^\| `QUITTANCE_([A-Z_]+)` \| `?(\S+?)`? \|", PAGES[0].read_text(encoding="utf-8"), re.M)
    fields = RecognizerSettings.model_fields | GatewaySettings.model_fields
    assert len(table) >= 5
    for name, default in table:
        value = fields[name.lower()].default
        if isinstance(value, int | float | str):
            assert str(value).removesuffix(".0") == default, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_into_the_repository_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_files_that_are_sent_exist() -> None:
    for words in commands("curl"):
        for file in re.findall(r"file=@(\S+)", " ".join(words)):
            assert (ROOT / file).is_file(), file


def test_python_examples_parse_and_import_what_there_is() -> None:
    for block in blocks("python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("quittance"):
                module = __import__(node.module, fromlist=["_"])
                assert all(hasattr(module, alias.name) for alias in node.names)


def test_a_block_that_no_test_runs_says_why() -> None:
    """The others are run by tests/end_to_end/test_documentation.py."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        reasons = re.findall(r"^<!-- not run: (.+) -->\n```(\w+)$", text, re.M)
        assert len(reasons) == text.count("<!-- not run:"), page.name
        assert all(len(reason) > 15 and kind in ("bash", "python") for reason, kind in reasons), page.name


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="no MkDocs: pip install -e '.[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    pages = {page.relative_to(tmp_path).as_posix(): page.read_text() for page in tmp_path.rglob("*.html")}
    assert {"index.html", "guide.html", "models/detector.html"} <= set(pages)
    assert "CTPN" in pages["models/detector.html"]  # the model card
    assert "QUITTANCE_VENDOR_LIST" in pages["deployment.html"]  # the settings, from the code
    assert "e3ef05eb733eb7358df61eab04443024" in pages["guide.html"]  # a real answer
    loaded = [url for text in pages.values() for url in re.findall(r'(?:src|<link[^>]* href)="(https?://[^"]+)', text)]
    assert loaded == []


@pytest.mark.parametrize(
    ("name", "contract"),
    [("corrections", Corrections), ("correction-refused", Problem), ("no-picture", Problem), ("job", Job)],
)
def test_answers_that_are_shown_keep_to_the_contract(name: str, contract: type[BaseModel]) -> None:
    contract.model_validate_json((ROOT / "docs" / "answers" / f"{name}.json").read_text())


def test_the_receipt_that_is_shown_has_what_a_receipt_has() -> None:
    text = (ROOT / "docs" / "answers" / "receipt.json").read_text()
    shown = json.loads(text)
    assert list(shown) == list(Receipt.model_fields)
    Receipt.model_validate(shown | {"lines": shown["lines"][:-1]})  # the last says how many are left out


def test_no_figure_is_missing() -> None:
    assert [page.name for page in PAGES if "TBD" in page.read_text(encoding="utf-8")] == []


def test_figures_are_written_between_their_comments() -> None:
    text = "before\n<!-- answer: written by x -->\nold\n<!-- answer: end -->\nafter\n"
    filled = readme.fill(text, "answer", r"new \1")
    assert filled == "before\n<!-- answer: written by x -->\n\nnew \\1\n\n<!-- answer: end -->\nafter\n"
    assert readme.fill(filled, "answer", r"new \1") == filled
    with pytest.raises(ValueError, match="0 places for 'measures'"):
        readme.fill(text, "measures", "")

"""README and docs name only commands, settings, files and modules that exist."""

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
ROOT_PAGES = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY")]
MODEL_CARDS = sorted((ROOT / "services").glob("*/MODEL_CARD.md"))
PAGES = [*(page for page in ROOT_PAGES if page.exists()), *sorted((ROOT / "docs").rglob("*.md"))]
SETTINGS = (GatewaySettings, DetectorSettings, RecognizerSettings, ExtractorSettings)
_CODE = "gateway|services|shared|quittance|synthesis|benchmarks|tests"
_PATH = re.compile(rf"(?<![\w./:-])(?:{_CODE}|deploy|docs|clients|\.github|\.ci)/[\w./-]*\w(?![\w*{{<]|/[*{{<])")
_SOURCE = re.compile(r"(?<![\w./-])[\w./-]+\.py\b")
_MODULE = re.compile(rf"(?<![\w./-])(?:{_CODE})(?:\.[A-Za-z_]\w*)+(?![\w/-])")


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


def is_module(name: str) -> bool:
    """Whether a dotted name is a module or package, or a name that its module mentions."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:end])
        if path.is_dir() and end == len(parts):
            return True
        for source in (path.with_suffix(".py"), path / "__init__.py"):
            if source.is_file():
                rest = parts[end : end + 1]
                return all(re.search(rf"\b{part}\b", source.read_text(encoding="utf-8")) for part in rest)
    return False


@pytest.mark.parametrize("words", commands("quittance"), ids=" ".join)
def test_quittance_accepts_documented_commands(words: list[str]) -> None:
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
def test_documented_make_targets_exist(words: list[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert {word for word in words if "=" not in word} <= targets


def test_documented_variables_are_settings() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    known = {f"QUITTANCE_{name.upper()}" for settings in SETTINGS for name in settings.fields()}
    known |= {
        f"QUITTANCE_{settings.service.upper()}_{name.upper()}"
        for settings in SETTINGS
        if settings.service
        for name in settings.fields()
    }
    named = set(re.findall(r"QUITTANCE_[A-Z_]+[A-Z]", text))
    # Read by the command line and by docker compose, not by a service.
    known |= {"QUITTANCE_API_KEY", "QUITTANCE_PUBLISH"}
    assert len(named) > 10
    assert named <= known


def test_documented_defaults_match_the_settings() -> None:
    page = ROOT / "docs" / "settings.md"
    table = re.findall(r"^\| `QUITTANCE_([A-Z_]+)` \| `?(\S+?)`? \|", page.read_text(encoding="utf-8"), re.M)
    fields = RecognizerSettings.fields() | ExtractorSettings.fields() | GatewaySettings.fields()
    assert len(table) >= 10
    for name, default in table:
        value = fields[name.lower()].default
        if isinstance(value, int | float | str):
            assert str(value).removesuffix(".0") == default, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_into_the_repository_resolve(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", [*PAGES, *MODEL_CARDS], ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_and_modules_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    names = {*_PATH.findall(text), *_SOURCE.findall(text)}
    if page in MODEL_CARDS:  # names the files of its own service without their folder
        names -= {source.name for source in page.parent.rglob("*.py")}
    assert {name for name in names if not (ROOT / name).exists() and not (page.parent / name).exists()} == set()
    modules = {name for name in _MODULE.findall(text) if not name.endswith((".md", ".py"))}
    assert {name for name in modules if not is_module(name)} == set()


def test_check_of_names_finds_missing_ones() -> None:
    text = "See `shared/nothing.py`, `nothing.py`, `gateway.nothing` and `shared.contracts.Nothing`."
    assert _PATH.findall(text) == ["shared/nothing.py"]
    assert _SOURCE.findall(text) == ["shared/nothing.py", "nothing.py"]
    missing = _MODULE.findall(text)
    assert missing == ["gateway.nothing", "shared.contracts.Nothing"]
    assert not any(map(is_module, missing))
    assert all(map(is_module, ("shared.contracts", "shared.contracts.Receipt", "services.detector")))


def test_uploaded_files_exist() -> None:
    for words in commands("curl"):
        for file in re.findall(r"file=@(\S+)", " ".join(words)):
            assert (ROOT / file).is_file(), file


def test_python_examples_import_existing_names() -> None:
    for block in blocks("python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("quittance"):
                module = __import__(node.module, fromlist=["_"])
                assert all(hasattr(module, alias.name) for alias in node.names)


def test_skipped_blocks_give_a_reason() -> None:
    """tests/end_to_end/test_documentation.py runs the others."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        reasons = re.findall(r"^<!-- not run: (.+) -->\n```(\w+)$", text, re.M)
        assert len(reasons) == text.count("<!-- not run:"), page.name
        assert all(len(reason) > 15 and kind in ("bash", "python") for reason, kind in reasons), page.name


def test_site_builds_without_warnings(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="MkDocs is missing: pip install -e '.[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    pages = {page.relative_to(tmp_path).as_posix(): page.read_text() for page in tmp_path.rglob("*.html")}
    assert {"index.html", "guide.html", "models/detector.html"} <= set(pages)
    assert "CTPN" in pages["models/detector.html"]  # the model card
    assert "QUITTANCE_VENDOR_LIST" in pages["settings.html"]  # from the code
    assert "e3ef05eb733eb7358df61eab04443024" in pages["guide.html"]  # a real response
    loaded = [url for text in pages.values() for url in re.findall(r'(?:src|<link[^>]* href)="(https?://[^"]+)', text)]
    assert loaded == []


@pytest.mark.parametrize(
    ("name", "contract"),
    [("corrections", Corrections), ("correction-refused", Problem), ("no-picture", Problem), ("job", Job)],
)
def test_shown_responses_match_the_contract(name: str, contract: type[BaseModel]) -> None:
    contract.model_validate_json((ROOT / "docs" / "answers" / f"{name}.json").read_text())


def test_shown_receipt_matches_the_contract() -> None:
    text = (ROOT / "docs" / "answers" / "receipt.json").read_text()
    shown = json.loads(text)
    assert list(shown) == list(Receipt.model_fields)
    Receipt.model_validate(shown | {"lines": shown["lines"][:-1]})  # the last one says how many are left out


def test_no_figure_is_missing() -> None:
    assert [page.name for page in PAGES if "TBD" in page.read_text(encoding="utf-8")] == []


def test_generated_parts_are_replaced_between_their_comments() -> None:
    text = "before\n<!-- answer: written by x -->\nold\n<!-- answer: end -->\nafter\n"
    filled = readme.fill(text, "answer", r"new \1")
    assert filled == "before\n<!-- answer: written by x -->\n\nnew \\1\n\n<!-- answer: end -->\nafter\n"
    assert readme.fill(filled, "answer", r"new \1") == filled
    with pytest.raises(ValueError, match="0 places for 'measures'"):
        readme.fill(text, "measures", "")


def test_pages_have_the_generated_parts() -> None:
    pages = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/accuracy.md")}
    scores = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "hmean": 0.5}
    fields = {"all": scores, "unseen_company": scores}
    measures: dict[str, Any] = {
        "task1": {"deteval": scores},
        "task2": {"pixels": scores, "given_boxes": scores | {"cer": 0.01}},
        "task3": {"pixels": fields, "given_text": fields},
        "trust": {"ece": 0.05, "straight_through": 0.625},
        "seconds": {"median": 0.234, "p95": 0.4, "startup": 1.8},
        "receipts": 100,
        "peak_memory_mib": 1229.4,
        "models": {"detector": "ctpn-1"},
    }
    summary, tables = readme.summary(measures), readme.tables(measures)
    assert "| seconds per receipt, median | 0.23 |\n| peak memory | 1229 MiB |" in summary
    assert "| models | `ctpn-1` |" in tables
    for page, name, content in (("README.md", "figures", summary), ("docs/accuracy.md", "measures", tables)):
        filled = readme.fill(pages[page], name, content)
        assert content in filled
        titles = [line.split("|")[1] for line in content.splitlines() if line]
        assert all(f"|{title}|" in pages[page] for title in titles), page
    assert readme.fill(pages["README.md"], "answer", "x") != pages["README.md"]

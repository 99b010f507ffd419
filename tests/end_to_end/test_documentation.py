"""Run the commands and programs in README and docs, in a temporary folder, against a running gateway.

A block that is not run has a comment with the reason before it: `<!-- not run: ... -->`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from benchmarks.processes import Process
from shared.contracts import FIELD_NAMES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<why>[^\n]+?) -->\n)?^```(?P<kind>bash|python)\n(?P<text>.*?)^```", re.M | re.S
)
_URL = "http://127.0.0.1:8000"
_TIMEOUT_S = 300


@dataclass(frozen=True)
class Block:
    """A block of commands, or a Python program, on a page."""

    page: str
    number: int
    kind: str
    text: str
    why_not_run: str | None

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"


def blocks() -> list[Block]:
    return [
        Block(str(page.relative_to(ROOT)), number, match["kind"], match["text"], match["why"])
        for page in PAGES
        for number, match in enumerate(_BLOCK.finditer(page.read_text(encoding="utf-8")), start=1)
    ]


def commands(block: Block) -> list[str]:
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line for line in lines if shlex.split(line, comments=True)]


@dataclass
class Typist:
    """Runs commands in a folder with the files that the pages mention."""

    folder: Path
    environment: dict[str, str]
    url: str
    typed: set[str] = field(default_factory=set)
    has_loaded_models: bool = False

    def is_new(self, line: str) -> bool:
        """Whether a command has to run: `extract` loads the models, so each of its commands runs only once."""
        words = " ".join(shlex.split(line, comments=True))
        seen = words in self.typed
        self.typed.add(words)
        return not (seen and words.startswith("quittance extract"))

    def shorten(self, line: str) -> str:
        """Let all commands that load the models, but the first one, use the running gateway instead."""
        if not line.startswith("quittance extract") or "--url" in line:
            return line
        if not self.has_loaded_models:
            self.has_loaded_models = True
            return line
        command, hash_sign, comment = line.partition(" #")
        return f"{command} --url {self.url}{hash_sign}{comment}"

    def run(self, command: list[str]) -> None:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=_TIMEOUT_S
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    def watch(self, line: str) -> None:
        """Run a command until it announces that it stops on Ctrl-C, then interrupt it."""
        words = shlex.split(line, comments=True)
        with subprocess.Popen(
            words, cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            announcement = process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(_TIMEOUT_S) == 0
        assert "Ctrl-C" in announcement


@pytest.fixture(scope="module")
def typist(embedded: Process, tmp_path_factory: pytest.TempPathFactory) -> Typist:
    folder = tmp_path_factory.mktemp("documentation")
    sample = ROOT / "tests" / "samples" / "malaysia.jpg"
    (folder / "receipts").mkdir()
    for name in ("receipt.jpg", "lunch.jpg", "receipts/any.jpg"):
        shutil.copy(sample, folder / name)
    (folder / "notes.jpg").write_text("not a picture")
    with zipfile.ZipFile(folder / "march.zip", "w") as archive:
        archive.write(sample, "march/1.jpg")
    (folder / "tests").symlink_to(ROOT / "tests")
    (folder / "state").symlink_to(embedded.log.parent / "state")
    (folder / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QUITTANCE_")}
    environment |= {
        "HOME": str(folder),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'clients' / 'python'}",
        **{f"QUITTANCE_{name}_PORT": "0" for name in ("GATEWAY", "DETECTOR", "RECOGNIZER", "EXTRACTOR")},
    }
    return Typist(folder, environment, embedded.url)


@pytest.fixture
def corrected(typist: Typist) -> Iterator[None]:
    """Read and correct the receipt that the pages mention, whatever the previous block did."""
    with httpx2.Client(base_url=typist.url, timeout=60) as client:
        sample = (typist.folder / "receipt.jpg").read_bytes()
        receipt = client.post("/v1/receipts", files={"file": ("receipt.jpg", sample)}).json()
        fields = {name: {"value": one["value"]} for name in FIELD_NAMES if (one := receipt["fields"][name])}
        corrections = f"/v1/receipts/{receipt['id']}/corrections"
        assert client.put(corrections, json={"fields": fields}).status_code == 200
        yield
        client.delete(corrections)


@pytest.mark.usefixtures("corrected")
@pytest.mark.parametrize("block", [block for block in blocks() if block.why_not_run is None], ids=str)
def test_documented_block_runs(typist: Typist, block: Block) -> None:
    text = block.text.replace(_URL, typist.url)
    if block.kind == "python":
        typist.run([sys.executable, "-c", text])
        return
    for line in commands(Block(block.page, block.number, block.kind, text, None)):
        if not typist.is_new(line):
            continue
        if "--watch" in line:
            typist.watch(line)
        else:
            line = typist.shorten(line)
            # Two lines keep a shell around the command, as in a terminal.
            typist.run(["bash", "-c", f"set -e\n{line}\ntrue"])

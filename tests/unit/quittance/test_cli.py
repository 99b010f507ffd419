"""The command line as a whole: what it imports, and shell completion."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from quittance import cli


def loaded_modules(*arguments: str) -> set[str]:
    """Return the modules that a command imports in a fresh interpreter."""
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom quittance.cli import app\n"
        f"CliRunner().invoke(app, {list(arguments)!r})\nprint(*sys.modules)"
    )
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_help_loads_no_network_and_no_server() -> None:
    assert not loaded_modules("--help") & {"torch", "cv2", "numpy", "fastapi", "services"}


def test_a_missing_file_loads_no_network() -> None:
    assert not loaded_modules("extract", "absent.jpg") & {"torch", "openvino", "services"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_offers_completion_for_shells(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    result = CliRunner().invoke(cli.app, ["--show-completion", shell])
    assert result.exit_code == 0, result.output
    assert "_QUITTANCE_COMPLETE" in result.stdout


def test_prints_its_version() -> None:
    result = CliRunner().invoke(cli.app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"{version('quittance')}\n")


def test_completes_commands() -> None:
    environment = {"_QUITTANCE_COMPLETE": "complete_bash", "COMP_WORDS": "quittance ex", "COMP_CWORD": "1"}
    result = CliRunner().invoke(cli.app, [], env=environment, prog_name="quittance")
    assert result.stdout.split() == ["extract"]

"""The commands `train` and `synthesize`, with stand-ins for the work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from quittance import training
from synthesis import generator
from tests.support.command_line import run_command


@pytest.mark.parametrize("model", ["detector", "recognizer", "extractor"])
def test_train_passes_its_options_to_every_model(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    configs: list[Any] = []

    def run(_: object, config: Any, __: Console) -> dict[str, Any]:
        configs.append(config)
        return {"loss": 1.0}

    monkeypatch.setattr(training, "run_with_progress", run)
    options = ["--data", "d", "--synthetic", "s", "--steps", "3", "--minutes", "2", "--seed", "5", "--threads", "1"]
    result = run_command("train", model, *options, "--export", "w")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"loss": 1.0}
    (config,) = configs
    assert (config.data, config.synthetic, config.run) == (Path("d"), Path("s"), Path("runs") / model)
    assert (config.steps, config.minutes, config.seed, config.threads) == (3, 2.0, 5, 1)
    assert config.export == Path("w")


def test_train_fresh_renames_the_old_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(training, "run_with_progress", lambda *_: {})
    run = tmp_path / "detector"
    for content in ("first", "second"):
        run.mkdir()
        (run / "log.jsonl").write_text(content)
        result = run_command("train", "detector", "--data", "d", "--run", run, "--fresh")
        assert result.exit_code == 0, result.output
    assert not run.exists()
    assert (tmp_path / "detector-1" / "log.jsonl").read_text() == "first"
    assert (tmp_path / "detector-2" / "log.jsonl").read_text() == "second"


def test_synthesize_passes_its_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(generator, "generate", lambda *a, **k: calls.append((*a, k)))
    options = ["--count", "3", "--out", tmp_path, "--seed", "7"]
    for more in ([], ["--workers", "2", "--fonts", tmp_path]):
        result = run_command("synthesize", *options, *more)
        assert result.exit_code == 0, result.output
    assert calls == [
        (tmp_path, 3, 7, {"workers": 1, "fonts": None}),
        (tmp_path, 3, 7, {"workers": 2, "fonts": tmp_path}),
    ]


def test_synthesize_needs_a_positive_count(tmp_path: Path) -> None:
    assert run_command("synthesize", "--count", "0", "--out", tmp_path).exit_code == 2


def test_synthesize_reports_a_folder_without_fonts(tmp_path: Path) -> None:
    result = run_command("synthesize", "--count", "1", "--out", tmp_path / "out", "--fonts", tmp_path)
    assert result.exit_code == 1
    assert f"{tmp_path} has no font" in result.stderr.replace("\n", "")

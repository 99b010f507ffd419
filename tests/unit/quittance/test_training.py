"""Training options, and the progress of a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from quittance.training import TrainingOptionError, configure, run_with_progress


@dataclass
class Config:
    data: Path
    synthetic: Path | None = None
    run: Path = Path("runs/x")
    steps: int = 10
    minutes: float | None = None
    resume: bool = True
    trunk: str = "none"


def test_settings_take_the_type_of_their_field() -> None:
    options = {"data": Path("d"), "steps": None, "resume": False}
    config = configure(Config, options, ["steps=1_450", "minutes=1.5", "trunk=a=b", "synthetic=none"])
    assert config == Config(Path("d"), None, steps=1450, minutes=1.5, resume=False, trunk="a=b")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("steps=many", "--set steps expects int, not 'many'"),
        ("steps", "NAME=VALUE"),
        ("stepz=1", "no setting stepz"),
        ("resume=x", "bool"),
    ],
)
def test_rejects_invalid_settings(setting: str, message: str) -> None:
    with pytest.raises(TrainingOptionError, match=message):
        configure(Config, {"data": Path("d")}, [setting])


def test_shows_progress_and_returns_the_measures() -> None:
    console = Console(width=200, force_terminal=True, record=True)

    def train(config: Config, *, progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        progress({"step": config.steps, "loss": 0.25, "phase": "long"})
        return {"hmean": 0.9}

    assert run_with_progress(train, Config(Path("d"), run=Path("runs/detector")), console) == {"hmean": 0.9}
    shown = console.export_text()
    assert "detector" in shown
    assert "10/10" in shown
    assert "loss 0.25" in shown

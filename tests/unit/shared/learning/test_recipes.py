"""Test the recipes in the repository and the command-line options that override them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from services.detector.training import train as detector
from services.extractor.training import train as extractor
from services.recognizer.training import train as recognizer
from shared.learning.recipes import parse_options, read_recipe

_TRAININGS = [detector, recognizer, extractor]


def parse(module: Any, *options: str) -> Any:
    return parse_options(module.TrainingConfig, module.RECIPES, ["--data", "receipts", "--run", "run", *options])


def test_options_override_recipe() -> None:
    config = parse(detector, "--head-rate", "0.5", "--fresh", "--photographs", "photographs")
    recipe = read_recipe("fine-tuning", detector.RECIPES, detector.TrainingConfig)
    assert config.start == recipe["start"]
    assert config.trunk_rate == recipe["trunk_rate"]
    assert config.head_rate == 0.5
    assert config.data == Path("receipts")
    assert config.photographs == Path("photographs")
    assert not config.resume


@pytest.mark.parametrize("module", _TRAININGS)
def test_every_training_has_recipes_for_fine_tuning_and_scratch(module: Any) -> None:
    assert parse(module).start is not None
    assert parse(module, "--recipe", "scratch").start is None
    for name in tomllib.loads(module.RECIPES.read_text(encoding="utf-8")):
        assert parse(module, "--recipe", name).data == Path("receipts")


def test_parses_lists_and_tables() -> None:
    assert parse(extractor, "--readings", "a.jsonl", "b.jsonl").readings == (Path("a.jsonl"), Path("b.jsonl"))
    assert parse(extractor).readings == ()
    assert parse(recognizer).architecture == {"leveled": True}


def test_training_from_scratch_has_higher_learning_rate() -> None:
    config = parse(detector, "--recipe", "scratch", "--trunk", "vgg.h5")
    assert config.trunk == "vgg.h5"
    assert config.head_rate > parse(detector).head_rate


def test_rejects_unknown_recipe_and_unknown_setting(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text("[one]\nsteps = 3\nspeed = 9\n", encoding="utf-8")
    with pytest.raises(ValueError, match="speed"):
        read_recipe("one", file, detector.TrainingConfig)
    with pytest.raises(ValueError, match="has no recipe 'two'"):
        read_recipe("two", file, detector.TrainingConfig)

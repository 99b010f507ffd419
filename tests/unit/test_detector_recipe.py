"""The recipes in the repository, and how the command line changes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.detector.train import parse_options, read_recipe


def test_recipes_are_read_and_overridden() -> None:
    config = parse_options(["--data", "receipts", "--head-rate", "0.5", "--fresh", "--photographs", "photographs"])
    recipe = read_recipe("fine-tuning")
    assert config.start == recipe["start"]
    assert config.trunk_rate == recipe["trunk_rate"]
    assert config.head_rate == 0.5
    assert config.data == Path("receipts")
    assert config.photographs == Path("photographs")
    assert not config.resume


def test_training_from_scratch_is_a_recipe() -> None:
    config = parse_options(["--data", "receipts", "--recipe", "scratch", "--trunk", "vgg.h5"])
    assert config.start is None
    assert config.trunk == "vgg.h5"
    assert config.head_rate > parse_options(["--data", "receipts"]).head_rate


def test_a_recipe_with_a_mistake_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text("[one]\nsteps = 3\nspeed = 9\n", encoding="utf-8")
    with pytest.raises(ValueError, match="speed"):
        read_recipe("one", file)
    with pytest.raises(ValueError, match="has no recipe 'two'"):
        read_recipe("two", file)

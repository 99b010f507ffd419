"""Test the search for settings of the joining."""

from __future__ import annotations

from services.detector.joining import JoiningSettings
from services.detector.training.tune import GRID, replace_value


def test_grid_values_change_existing_settings() -> None:
    settings = JoiningSettings()
    for name, values in GRID.items():
        changed = [replace_value(settings, name, value) for value in values]
        assert len(set(changed)) == len(values)
    assert replace_value(settings, "grow/vertical", 0.5).grow == (0.5, 0.5, *settings.grow[2:])
    assert replace_value(settings, "grow_short/horizontal", 0.5).grow_short == (*settings.grow_short[:2], 0.5, 0.5)

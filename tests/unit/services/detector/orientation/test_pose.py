"""Test finding the orientation of a page and cutting its patches."""

from __future__ import annotations

import numpy as np
import pytest

from services.detector.orientation.engine import PATCH_PX
from services.detector.orientation.pose import Pose, choose_turn, cut_patches, find_pose
from services.detector.orientation.skew import Skew
from services.detector.scale import find_characters, find_ink
from tests.support.printed_pages import FixedTurnEngine, turn_page


@pytest.mark.parametrize("rotation", [0, 90])
@pytest.mark.parametrize("skew", [-12.0, -3.0, 0.0, 5.5, 14.0])
def test_measures_skew_to_fraction_of_degree(rotation: int, skew: float) -> None:
    sent, _ = turn_page(rotation, skew)
    pose = find_pose(find_ink(sent), FixedTurnEngine(rotation))
    assert pose.rotation == rotation
    assert pose.skew == pytest.approx(skew, abs=0.4)


def test_turns_page_only_by_clear_margin() -> None:
    alike = [Skew(0.0, 2.0), Skew(0.0, 2.0)]
    scores = np.log(np.array([[0.3, 0.1, 0.4, 0.2], [0.3, 0.1, 0.4, 0.2]], np.float32))
    assert choose_turn(scores, alike) == 0
    assert choose_turn(np.log(np.array([[0.1, 0.1, 0.7, 0.1]], np.float32)), alike) == 180


def test_axis_of_lines_excludes_other_turns() -> None:
    scores = np.log(np.array([[0.04, 0.06, 0.2, 0.7]], np.float32))
    assert choose_turn(scores, [Skew(0.0, 2.0), Skew(0.0, 2.0)]) == 270
    assert choose_turn(scores, [Skew(0.0, 4.0), Skew(0.0, 1.2)]) == 180
    assert choose_turn(np.log(np.array([[0.9, 0.02, 0.02, 0.06]], np.float32)), [Skew(0.0, 1.2), Skew(0.0, 4.0)]) == 270


def test_patches_are_few_and_show_straight_text() -> None:
    sent, _ = turn_page(0, 12.0)
    ink = find_ink(sent)
    characters = find_characters(ink)
    assert characters is not None
    patches = cut_patches(ink.measured, characters, 12.0)
    assert 1 <= len(patches) <= 8
    assert patches.shape[1:] == (PATCH_PX, PATCH_PX)
    assert patches.dtype == np.uint8
    assert (patches.min(axis=(1, 2)) < 100).all()
    # Straight lines have rows without ink between them.
    assert ((patches[0] > 180).all(axis=1)).sum() > 10


def test_page_without_text_is_upright_without_running_engine() -> None:
    engine = FixedTurnEngine(180)
    assert find_pose(find_ink(np.full((300, 200), 255, np.uint8)), engine) == Pose()
    assert engine.seen == []

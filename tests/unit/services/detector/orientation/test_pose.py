"""Test finding the orientation of a page and cutting its patches."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.photos.long_receipts import render_long_receipt
from services.detector.orientation.engine import PATCH_PX
from services.detector.orientation.loading import load_orientation
from services.detector.orientation.pose import Pose, choose_turn, combine_evidence, cut_patches, find_pose
from services.detector.scale import InkSettings, find_characters, find_ink
from services.detector.settings import DetectorSettings
from shared.geometry import rotate_image
from shared.pictures.gray import to_gray
from tests.support.printed_pages import FixedTurnEngine, StraightTurnEngine, turn_page


@pytest.mark.parametrize("rotation", [0, 90])
@pytest.mark.parametrize("skew", [-38.0, -12.0, -3.0, 0.0, 5.5, 14.0, 25.0, 43.0])
def test_measures_skew_to_fraction_of_degree(rotation: int, skew: float) -> None:
    sent, _ = turn_page(rotation, skew)
    # Patches are turned by the skew, so an engine recognizes only those of a page whose skew was found.
    pose, _, _ = find_pose(sent, StraightTurnEngine(rotation))
    assert pose.rotation == rotation
    assert pose.skew == pytest.approx(skew, abs=0.7)


def test_turns_page_only_by_clear_margin() -> None:
    assert choose_turn(np.log([0.3, 0.1, 0.4, 0.2])) == 0
    assert choose_turn(np.log([0.1, 0.1, 0.7, 0.1])) == 180


def test_neighbors_add_to_evidence_for_their_axis() -> None:
    unsure = np.log(np.array([[0.04, 0.06, 0.2, 0.7]], np.float32))
    assert choose_turn(combine_evidence(unsure, 0.0)) == 270
    assert choose_turn(combine_evidence(unsure, 3.0)) == 180
    assert choose_turn(combine_evidence(unsure, -3.0)) == 270


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_columns_of_fixed_width_font_are_not_taken_for_lines(rotation: int) -> None:
    page = to_gray(render_long_receipt(4))[:1200]
    engine, _ = load_orientation(DetectorSettings())
    pose, _, _ = find_pose(rotate_image(page, rotation), engine)
    assert pose.rotation == rotation


def test_looks_again_where_texture_hides_characters() -> None:
    page, _ = turn_page(180, 0.0)
    noise = np.random.default_rng(1).normal(0, 14, page.shape)
    textured = np.clip(page - 40.0 + noise, 0, 255).astype(np.uint8)
    engine, _ = load_orientation(DetectorSettings())
    pose, ink, settings = find_pose(textured, engine)
    assert pose.rotation == 180
    assert settings != InkSettings()
    assert len(ink.components) < len(find_ink(textured).components) / 2


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
    assert find_pose(np.full((300, 200), 255, np.uint8), engine)[0] == Pose()
    assert engine.seen == []

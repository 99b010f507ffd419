"""Grouping the words of a page into lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.reading.segmentation.boundaries import describe_boundaries, list_words
from gateway.reading.segmentation.model import BoundaryModel
from gateway.reading.segmentation.regrouping import regroup_words
from gateway.reading.segmentation.shapes import SHAPES, describe_word
from shared.contracts import Quad, RecognizedText

# Index of the width of the gap in heights.
GAP = 1


def make_model(split: float, join: float) -> BoundaryModel:
    """Return a model whose logit is the width of the gap in heights."""
    count = describe_boundaries(list_words([box(0, 0, 10, 10)], [say("A")])).features.shape[1]
    hidden = np.zeros((count, 1), np.float32)
    hidden[GAP] = 1.0
    zeros, ones = np.zeros(count, np.float32), np.ones(count, np.float32)
    return BoundaryModel(zeros, ones, hidden, np.zeros(1, np.float32), np.ones(1, np.float32), 0.0, split, join)


def box(left: float, top: float, right: float, bottom: float) -> Quad:
    return (left, top), (right, top), (right, bottom), (left, bottom)


def say(text: str, *gaps: tuple[float, float], confidence: float = 0.9) -> RecognizedText:
    return RecognizedText(text=text, confidence=confidence, gaps=list(gaps))


# Two rows: "2 TEA" with a gap of one height, "TOTAL" and ":" half a height apart.
QUADS = [box(0, 0, 100, 10), box(0, 20, 50, 30), box(55, 20, 58, 30)]
TEXTS = [say("2 TEA", (0.2, 0.3)), say("TOTAL", confidence=0.8), say(":", confidence=0.7)]


def test_splits_a_line_at_a_wide_gap() -> None:
    quads, texts = regroup_words(QUADS, TEXTS, make_model(split=0.9, join=0.0))
    assert [text.text for text in texts] == ["2", "TEA", "TOTAL", ":"]
    assert quads[:2] == [box(0, 0, 21, 10), box(29, 0, 100, 10)]
    assert quads[2:] == QUADS[1:]
    assert texts[0].confidence == texts[1].confidence == 0.9


def test_joins_neighbors_on_a_row() -> None:
    quads, texts = regroup_words(QUADS, TEXTS, make_model(split=9.0, join=0.6))
    assert [text.text for text in texts] == ["2 TEA", "TOTAL :"]
    assert quads == [QUADS[0], box(0, 20, 58, 30)]
    assert texts[1].confidence == 0.7


def test_joins_what_it_split_off() -> None:
    quads = [box(0, 0, 100, 10), box(103, 0, 150, 10)]
    quads, texts = regroup_words(quads, [say("A 1", (0.4, 0.6)), say("EUR")], make_model(split=1.5, join=0.5))
    assert [text.text for text in texts] == ["A", "1 EUR"]
    assert quads == [box(0, 0, 41, 10), box(59, 0, 150, 10)]


def test_cuts_a_word_from_the_middle() -> None:
    quads, texts = regroup_words([QUADS[0]], [say("A B C", (0.2, 0.4), (0.6, 0.8))], make_model(split=1.0, join=0.0))
    assert [text.text for text in texts] == ["A", "B", "C"]
    assert quads[1] == box(39, 0, 61, 10)


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_splits_on_turned_pages(quarter: int) -> None:
    turn = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), quarter)

    def turned(quad: Quad) -> Quad:
        first, second, third, fourth = ((float(x), float(y)) for x, y in (np.array(quad) @ turn.T + 200).tolist())
        return first, second, third, fourth

    quads, _ = regroup_words([turned(quad) for quad in QUADS], TEXTS, make_model(split=0.9, join=0.6))
    expected = [turned(quad) for quad in (box(0, 0, 21, 10), box(29, 0, 100, 10), box(0, 20, 58, 30))]
    assert np.allclose(quads, expected, atol=0.02)


def test_joins_mirrored_text() -> None:
    mirrored = [tuple((200 - x, y) for x, y in quad) for quad in QUADS]
    quads, texts = regroup_words(mirrored, TEXTS, make_model(split=9.0, join=0.6))  # type: ignore[arg-type]
    assert texts[1].text == "TOTAL :"
    assert quads[1] == ((200, 20), (142, 20), (142, 30), (200, 30))


def test_cuts_at_most_in_the_middle_of_a_narrow_gap() -> None:
    quads, _ = regroup_words([QUADS[0]], [say("A B", (0.5, 0.51))], make_model(split=0.0, join=0.0))
    assert quads == [box(0, 0, 50.5, 10), box(50.5, 0, 100, 10)]


def test_leaves_lines_alone_without_gaps() -> None:
    texts = [text.model_copy(update={"gaps": []}) for text in TEXTS]
    assert regroup_words(QUADS, texts, make_model(split=-9.0, join=9.0)) == (QUADS, texts)


def test_leaves_out_lines_without_text() -> None:
    quads, texts = regroup_words([*QUADS, box(0, 40, 9, 50)], [*TEXTS, say(" ")], make_model(split=9.0, join=-9.0))
    assert (quads, texts) == (QUADS, TEXTS)
    assert regroup_words([QUADS[0]], [say("")], make_model(split=0.0, join=0.0)) == ([], [])


def test_groups_the_lines_of_long_pages() -> None:
    count = 450
    quads = [box(0, 20 * row, 100, 20 * row + 10) for row in range(count)]
    grouped, texts = regroup_words(quads, [TEXTS[0]] * count, make_model(split=0.9, join=0.0))
    assert [text.text for text in texts] == ["2", "TEA"] * count
    assert len(grouped) == 2 * count


def test_keeps_a_line_whose_gaps_do_not_fit_its_words() -> None:
    texts = [say("A B C", (0.2, 0.4)), *TEXTS[1:]]
    assert regroup_words(QUADS, [*texts], make_model(split=-9.0, join=-9.0))[1] == texts


def test_released_model_fits_the_features() -> None:
    quads, texts = regroup_words(QUADS, TEXTS)
    assert " ".join(text.text for text in texts) == "2 TEA TOTAL :"
    assert len(quads) == len(texts)


def test_features_are_finite_and_bounded() -> None:
    rng = np.random.default_rng(3)
    quads = [box(x, y, x + 80, y + 12) for y in range(0, 200, 20) for x in (0, 100, 190)]
    words = ["A1", "12.50", "€", "x", "10:30", "#", "2024-01-31", "ß."]
    texts = [say(" ".join(rng.choice(words, 3)), (0.2, 0.3), (0.6, 0.6)) for _ in quads]
    features = describe_boundaries(list_words(quads, texts)).features
    assert np.isfinite(features).all()
    assert np.abs(features).max() < 50


def test_stores_a_model(tmp_path: Path) -> None:
    model = make_model(split=0.5, join=-0.5)
    model.save(tmp_path / "weights.json", receipts=1)
    loaded = BoundaryModel.load(tmp_path / "weights.json")
    features = np.ones((2, len(model.mean)), np.float32)
    assert np.array_equal(loaded.compute_logits(features), model.compute_logits(features))
    assert (loaded.split, loaded.join) == (0.5, -0.5)


def test_rejects_a_model_whose_layers_do_not_fit(tmp_path: Path) -> None:
    replace(make_model(split=0.0, join=0.0), output=np.ones(2, np.float32)).save(tmp_path / "weights.json")
    with pytest.raises(ValueError, match="do not fit"):
        BoundaryModel.load(tmp_path / "weights.json")


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("12.50", "amount"),
        ("€1.234,50", "amount"),
        ("2024-01-31", "date"),
        ("9:05", "time"),
        ("12", "small_number"),
        ("A12", "mixed"),
        ("***", "all_marks"),
        ("Größe", "all_letters"),
    ],
)
def test_tells_shapes_of_words(word: str, shape: str) -> None:
    assert describe_word(word)[SHAPES.index(shape)] == 1
    assert describe_word("x-")[SHAPES.index(shape)] == 0

"""Test the measures for labels without spaces."""

from __future__ import annotations

import pytest

from shared.measures.wild import compare_segments, compare_value, judge_value


def box(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]


def test_segment_matches_if_found_and_read_up_to_spaces_and_case() -> None:
    labels = [box(0, 0, 100, 20), box(0, 30, 100, 50), box(0, 60, 100, 80)]
    texts = ["KoreanBBQ", "Total", "9.50"]
    found = [box(0, 30, 100, 50), box(2, 0, 100, 20), box(0, 62, 30, 80)]
    matches = compare_segments(labels, texts, found, ["TOTAI", "Korean bbq", "9.50"])
    assert (matches.matched, matches.labeled, matches.answered) == (1, 3, 3)


def test_company_may_differ_slightly_but_total_may_not() -> None:
    assert compare_value(["TransmetropolitanCafe"], "Transmetropolitan Caff", similar=True).matched == 1
    assert compare_value(["TransmetropolitanCafe"], "Transmetro", similar=True).matched == 0
    assert compare_value(["$52.15", "52.15"], "52.15").matched == 1
    assert compare_value(["$52.15"], "$52.16").matched == 0


def test_absent_field_counts_only_if_answered() -> None:
    assert compare_value(["", ""], None) == compare_value([], None)
    assert compare_value([], "9.00").answered == 1
    assert compare_value([], "9.00").f1 == 0.0


@pytest.mark.parametrize(
    ("name", "labels", "answer", "right"),
    [
        ("date", ["TuesDay5-4-2011"], "5- 4-2011", True),
        ("date", ["4/4/20127:33AM"], "4/4/2012", True),
        ("date", ["6/9/2016"], "6/9/2015", False),
        ("date", ["6/9/2016"], None, False),
        ("date", ["20:37"], "23/07/13", None),
        ("date", ["", ""], "23/07/13", None),
        ("total", ["$65.19"], "65.19", True),
        ("total", ["$65.19"], "65.18", False),
        ("total", ["TotalDue"], "65.18", None),
        ("company", ["DAIKO"], "DAIK", False),
        ("company", ["PizzaHutRestaurant"], "Pizza Hut Restaurants", True),
        ("company", [], "DAIK", None),
    ],
)
def test_judges_values_where_labels_tell(name: str, labels: list[str], answer: str | None, right: bool | None) -> None:
    assert judge_value(name, labels, answer) is right

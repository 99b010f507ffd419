"""Labels of company, date, address and total, found in the text of a receipt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.extractor.training.labeling.fields import IGNORED, label
from shared.contracts import FIELD_NAMES
from tests.support.labeled_receipts import ADDRESS, COMPANY, DATE, TOTAL, make_receipt, texts_of


def test_finds_values_by_letters_and_digits() -> None:
    found = label(make_receipt())
    assert texts_of(found, ADDRESS) == ["NO.53, JALAN SAGU 18,", "81100 JOHOR BAHRU"]
    assert texts_of(found, DATE) == ["25/12/2018", "25/12/2018"]


def test_finds_the_most_similar_segments_for_a_label_with_a_typo() -> None:
    assert texts_of(label(make_receipt()), COMPANY) == ["BOOK TA .K(TAMAN DAYA) SDN BND"]
    assert texts_of(label(make_receipt(company="SOMETHING ELSE ALTOGETHER")), COMPANY) == []


def test_marks_the_total_on_its_row_and_leaves_other_prints_open() -> None:
    found = label(make_receipt())
    assert texts_of(found, TOTAL) == ["9.00"]
    assert texts_of(found, IGNORED) == ["9.00", "2018-12-25"]
    (named,) = [segment for segment in found if (segment.labels == TOTAL).any()]
    assert named.text == "RM9.00"


def test_marks_the_currency_sign_if_the_label_has_it() -> None:
    assert texts_of(label(make_receipt(total="RM9.00")), TOTAL) == ["RM9.00"]


def test_marks_every_print_of_a_total_that_no_row_names() -> None:
    rows = [["PEN", "9.00"], ["CASH", "9.00"]]
    assert texts_of(label(make_receipt(rows)), TOTAL) == ["9.00", "9.00"]


def test_marks_a_part_of_a_segment() -> None:
    rows = [["99 SPEED MART S/B (519537-X)"]]
    assert texts_of(label(make_receipt(rows, company="99 SPEED MART S/B")), COMPANY) == ["99 SPEED MART S/B"]


def test_prefers_a_value_at_the_start_of_a_segment() -> None:
    rows = [["THANK YOU FOR SHOPPING AT ABC MART"], ["ABC MART"]]
    (found,) = [s.text for s in label(make_receipt(rows, company="ABC MART")) if (s.labels == COMPANY).any()]
    assert found == "ABC MART"


def test_marks_nothing_for_fields_without_a_label() -> None:
    found = label(make_receipt(company="", date="", address="", total=""))
    assert all((segment.labels == 0).all() for segment in found)


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_finds_most_labels_of_real_receipts(sroie: Path, name: str) -> None:
    from shared.learning.dataset import load_split

    receipts = load_split(sroie, "train")[:25]
    number = 1 + FIELD_NAMES.index(name)
    found = [any((segment.labels == number).any() for segment in label(one)) for one in receipts if one.entities[name]]
    assert np.mean(found) > 0.9

"""The measures, on receipts small enough to check by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quittance.evaluation.records import LabeledLine, Record
from quittance.evaluation.scores import score
from shared.contracts import DateField, Fields, Line, Quad
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt
from tests.support.evaluation import QUADS, make_fields, make_receipt, make_record


def keys(measures: dict[str, Any], prefix: str = "") -> set[str]:
    return {
        inner
        for name, value in measures.items()
        for inner in (keys(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name})
    }


def test_the_keys_are_fixed() -> None:
    three = ("precision", "recall", "f1")
    expected = {f"task1.{kind}.{name}" for kind in ("deteval", "iou50") for name in ("precision", "recall", "hmean")}
    expected |= {f"task2.{kind}.{name}" for kind in ("given_boxes", "pixels") for name in three}
    expected |= {"task2.given_boxes.cer", "trust.ece", "trust.straight_through", "receipts"}
    expected |= {"seconds.median", "seconds.p95"}
    for kind in ("given_text", "pixels"):
        expected |= {f"task3.{kind}.{who}.{name}" for who in ("all", "unseen_company") for name in three}
        expected |= {f"task3.{kind}.{name}.f1" for name in ("company", "date", "address", "total")}
    assert keys(score([make_record()])) == expected


def test_a_perfect_answer_scores_one_everywhere() -> None:
    receipt = make_receipt(fields=make_fields(confidence=1.0))
    measures = score([make_record(unseen_company=True, receipt=receipt)])
    assert measures["task1"]["deteval"] == {"precision": 1, "recall": 1, "hmean": 1}
    assert measures["task2"]["given_boxes"] == {"precision": 1, "recall": 1, "f1": 1, "cer": 0}
    assert measures["task3"]["pixels"]["unseen_company"]["f1"] == 1
    assert measures["trust"] == {"ece": 0, "straight_through": 1}


def test_each_measure_uses_its_own_answer() -> None:
    # From pixels one line is missing and the total is wrong; from the labels, a reading and the company are.
    record = make_record(
        receipt=make_receipt(["BOOK SHOP"], make_fields(total="9.90")),
        given_boxes=["BOOK SHOP", "TOTAL 9.80"],
        given_text=make_fields(company=None),
    )
    measures = score([record])
    assert measures["task1"]["deteval"]["recall"] == 0.5
    assert measures["task2"]["pixels"]["recall"] == 0.5
    assert measures["task2"]["given_boxes"]["recall"] == 0.75
    assert measures["task2"]["given_boxes"]["cer"] == pytest.approx(1 / 19)
    assert measures["task3"]["pixels"]["company"]["f1"] == 1
    assert measures["task3"]["pixels"]["total"]["f1"] == 0
    assert measures["task3"]["given_text"]["company"]["f1"] == 0
    assert measures["task3"]["given_text"]["all"] == {"precision": 1, "recall": 0.5, "f1": pytest.approx(2 / 3)}
    # One of two fields is right at a confidence of 0.9: the gap is 0.4, and no threshold reaches 99%.
    assert measures["trust"] == {"ece": pytest.approx(0.4), "straight_through": 0}


def test_a_rejected_receipt_counts_as_nothing_found() -> None:
    rejected = make_record(key="b", receipt=None, given_boxes=[], given_text=Fields(), problem="damaged")
    measures = score([make_record(), rejected])
    assert measures["task1"]["deteval"]["recall"] == 0.5
    assert measures["task2"]["pixels"]["recall"] == 0.5
    assert measures["task2"]["given_boxes"]["cer"] == 0.5
    assert measures["task3"]["pixels"]["all"]["recall"] == 0.5
    assert measures["trust"]["straight_through"] == 0.5


def test_unseen_companies_are_measured_separately() -> None:
    wrong = make_record(key="b", unseen_company=True, given_text=make_fields(company="BOOKS"))
    measures = score([make_record(), wrong])
    assert measures["task3"]["given_text"]["all"]["f1"] == 0.75
    assert measures["task3"]["given_text"]["unseen_company"]["f1"] == 0.5


def test_without_unseen_companies_their_measures_are_none() -> None:
    measures = score([make_record(unseen_company=None)])
    assert measures["task3"]["pixels"]["unseen_company"] == {"precision": None, "recall": None, "f1": None}


def test_seconds_are_per_receipt() -> None:
    measures = score([make_record(seconds=seconds) for seconds in (1.0, 2.0, 9.0)])
    assert measures["seconds"] == {"median": 2.0, "p95": pytest.approx(8.3)}
    assert measures["receipts"] == 3


def test_labels_without_spaces_add_measures_that_ignore_spaces() -> None:
    record = make_record(
        spaced=False,
        labels=[LabeledLine(quad=((0, 0), (100, 0), (100, 20), (0, 20)), text="BOOKSHOP")],
        given_boxes=["BOOK SHOP"],
        entities={"company": "BOOKSHOP", "date": "", "address": "", "total": "$9"},
        alternatives={"total": ["9.00"]},
    )
    wild = score([make_record(), record])["wild"]
    assert wild["segments"] == {"precision": 0.5, "recall": 1, "f1": pytest.approx(2 / 3)}
    assert wild["segments_given_boxes"]["f1"] == 1
    assert wild["company"]["f1"] == wild["total"]["f1"] == wild["total_amount"]["f1"] == 1
    assert "wild" not in score([make_record()])


@pytest.mark.parametrize(
    ("label", "precision", "recall"),
    [("Tuesday25-12-2018", 1, 1), ("26/12/2018", 0, 0), ("", 0, 1), ("20:37", 1, 1)],
)
def test_dates_of_photographs_are_compared_as_days(label: str, precision: float, recall: float) -> None:
    fields = make_fields()
    fields.date = DateField(value="25/12/2018", iso="2018-12-25", confidence=0.9, quad=QUADS[0], lines=[0])
    entities = {"company": "", "date": label, "address": "", "total": ""}
    record = make_record(spaced=False, entities=entities, receipt=make_receipt(fields=fields))
    day = score([record])["wild"]["date_day"]
    assert (day["precision"], day["recall"]) == (precision, recall)


def test_trust_of_photographs_leaves_out_what_labels_do_not_tell() -> None:
    entities = {"company": "", "date": "", "address": "", "total": "$9"}
    receipt = make_receipt(fields=make_fields(confidence=1.0))
    record = make_record(spaced=False, entities=entities, alternatives={"total": ["9.00"]}, receipt=receipt)
    assert score([record])["trust"] == {"ece": 0, "straight_through": 1}


def test_the_labels_of_the_data_set_score_one_against_themselves(sroie: Path) -> None:
    def perfect(labeled: LabeledReceipt) -> Record:
        quads: list[Quad] = [tuple((float(x), float(y)) for x, y in quad) for quad in labeled.quads]  # type: ignore[misc]
        texts = [segment.text for segment in labeled.segments]
        receipt = make_receipt()
        receipt.lines = [Line(quad=quad, text=text, confidence=1) for quad, text in zip(quads, texts, strict=True)]
        labels = [LabeledLine(quad=quad, text=text) for quad, text in zip(quads, texts, strict=True)]
        return make_record(labels=labels, given_boxes=texts, receipt=receipt)

    measures = score([perfect(labeled) for labeled in load_split(sroie, "validation")[:20]])
    assert measures["task1"]["iou50"]["hmean"] == 1
    # In DetEval, touching neighbors count, so that duplicate labels cost a little.
    assert measures["task1"]["deteval"]["hmean"] > 0.99
    assert measures["task2"]["pixels"]["f1"] == 1

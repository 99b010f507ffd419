"""The evaluation: from answers of the chain to the measures, on receipts worked by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quittance.client import ClientError
from quittance.evaluation import evaluate as evaluation
from quittance.evaluation.scores import LabeledLine, Record, score
from shared.contracts import (
    AmountField,
    ExtractRequest,
    ExtractResponse,
    Fields,
    Line,
    Models,
    Page,
    Receipt,
    ReceiptField,
    RecognizedText,
    RecognizeResponse,
    Timings,
)
from shared.learning.dataset import DatasetError, LabeledReceipt, LabeledSegment, write_receipt, write_split
from shared.problems import ProblemError

MODELS = Models(detector="ctpn-1", recognizer="crnn-1", extractor="charlstm-1")
QUADS: list[Any] = [((0, 0), (100, 0), (100, 20), (0, 20)), ((0, 40), (100, 40), (100, 60), (0, 60))]
TEXTS = ["BOOK SHOP", "TOTAL 9.00"]
ENTITIES = {"company": "BOOK SHOP", "date": "", "address": "", "total": "9.00"}


def fields(company: str | None = "BOOK SHOP", total: str | None = "9.00", confidence: float = 0.9) -> Fields:
    common: dict[str, Any] = {"confidence": confidence, "quad": QUADS[0], "lines": [0]}
    return Fields(
        company=ReceiptField(value=company, **common) if company else None,
        total=AmountField(value=total, amount=total, currency=None, **common) if total else None,
    )


def receipt(texts: Sequence[str] = TEXTS, found: Fields | None = None) -> Receipt:
    return Receipt(
        id="0" * 32,
        pages=[Page(width=120, height=80)],
        fields=found or fields(),
        lines=[Line(quad=quad, text=text, confidence=0.9) for quad, text in zip(QUADS, texts, strict=False)],
        models=MODELS,
        timings_ms=Timings(decode=1, detect=1, recognize=1, extract=1),
    )


def record(**changes: Any) -> Record:
    values: dict[str, Any] = {
        "key": "a",
        "unseen_company": False,
        "labels": [LabeledLine(quad=quad, text=text) for quad, text in zip(QUADS, TEXTS, strict=True)],
        "entities": ENTITIES,
        "receipt": receipt(),
        "given_boxes": TEXTS,
        "given_text": fields(),
        "seconds": 1.0,
    }
    return Record(**{**values, **changes})


def keys(measures: dict[str, Any], prefix: str = "") -> set[str]:
    return {
        inner
        for name, value in measures.items()
        for inner in (keys(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name})
    }


def test_the_keys_are_those_that_other_programs_read() -> None:
    three = ("precision", "recall", "f1")
    expected = {f"task1.{kind}.{name}" for kind in ("deteval", "iou50") for name in ("precision", "recall", "hmean")}
    expected |= {f"task2.{kind}.{name}" for kind in ("given_boxes", "pixels") for name in three}
    expected |= {"task2.given_boxes.cer", "trust.ece", "trust.straight_through", "receipts"}
    expected |= {"seconds.median", "seconds.p95"}
    for kind in ("given_text", "pixels"):
        expected |= {f"task3.{kind}.{who}.{name}" for who in ("all", "unseen_company") for name in three}
        expected |= {f"task3.{kind}.{name}.f1" for name in ("company", "date", "address", "total")}
    assert keys(score([record()])) == expected


def test_a_perfect_answer_scores_one_everywhere() -> None:
    measures = score([record(unseen_company=True, receipt=receipt(found=fields(confidence=1.0)))])
    assert measures["task1"]["deteval"] == {"precision": 1, "recall": 1, "hmean": 1}
    assert measures["task2"]["given_boxes"] == {"precision": 1, "recall": 1, "f1": 1, "cer": 0}
    assert measures["task3"]["pixels"]["unseen_company"]["f1"] == 1
    assert measures["trust"] == {"ece": 0, "straight_through": 1}


def test_each_measure_looks_at_its_own_answer() -> None:
    # From pixels a line is missing, its word with it, and the total is wrong; from the labels, other things are.
    wrong = record(
        receipt=receipt(["BOOK SHOP"], fields(total="9.90")),
        given_boxes=["BOOK SHOP", "TOTAL 9.80"],
        given_text=fields(company=None),
    )
    measures = score([wrong])
    assert measures["task1"]["deteval"]["recall"] == 0.5
    assert measures["task2"]["pixels"]["recall"] == 0.5
    assert measures["task2"]["given_boxes"]["recall"] == 0.75
    assert measures["task2"]["given_boxes"]["cer"] == pytest.approx(1 / 19)
    assert measures["task3"]["pixels"]["company"]["f1"] == 1
    assert measures["task3"]["pixels"]["total"]["f1"] == 0
    assert measures["task3"]["given_text"]["company"]["f1"] == 0
    assert measures["task3"]["given_text"]["all"] == {
        "precision": 1,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
    }
    # One of two fields right at 0.9: the gap is 0.4, and no threshold gives 99%.
    assert measures["trust"] == {"ece": pytest.approx(0.4), "straight_through": 0}


def test_a_refused_receipt_counts_as_one_on_which_nothing_was_found() -> None:
    measures = score([record(), record(key="b", receipt=None, given_boxes=[], given_text=Fields(), problem="broken")])
    assert measures["task1"]["deteval"]["recall"] == 0.5
    assert measures["task2"]["pixels"]["recall"] == 0.5
    assert measures["task2"]["given_boxes"]["cer"] == 0.5
    assert measures["task3"]["pixels"]["all"]["recall"] == 0.5
    assert measures["trust"]["straight_through"] == 0.5


def test_unseen_companies_are_only_those_that_are_known_to_be() -> None:
    seen_right, unseen_wrong = record(), record(key="b", unseen_company=True, given_text=fields(company="BOOKS"))
    measures = score([seen_right, unseen_wrong])
    assert measures["task3"]["given_text"]["all"]["f1"] == 0.75
    assert measures["task3"]["given_text"]["unseen_company"]["f1"] == 0.5
    unknown = score([record(unseen_company=None)])
    assert unknown["task3"]["pixels"]["unseen_company"] == {"precision": None, "recall": None, "f1": None}


def test_seconds_are_those_of_a_receipt() -> None:
    measures = score([record(seconds=seconds) for seconds in (1.0, 2.0, 9.0)])
    assert measures["seconds"] == {"median": 2.0, "p95": pytest.approx(8.3)}
    assert measures["receipts"] == 3


class _Client:
    """Stands for the gateway: reads all receipts rightly, but refuses the picture of `refuse`."""

    def __init__(self, refuse: bytes | None = None) -> None:
        self.refuse = refuse

    async def read(self, data: bytes) -> Receipt:
        if data == self.refuse:
            raise ClientError("The picture is damaged. Send another.")
        return receipt()


class _Stages:
    """Stands for the services: reads what is given as it is labeled."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.requests: list[ExtractRequest] = []

    async def recognize(self, data: bytes, media_type: str, quads: Sequence[Any], _: object) -> RecognizeResponse:
        assert media_type == "image/jpeg"
        assert data
        if self.down:
            raise ProblemError(status=503, code="stage", title="The recognizer is down", detail="It does not answer.")
        texts = [RecognizedText(text=TEXTS[QUADS.index(quad)], confidence=1) for quad in quads]
        return RecognizeResponse(texts=texts, model="crnn-1")

    async def extract(self, request: ExtractRequest, _: object) -> ExtractResponse:
        self.requests.append(request)
        return ExtractResponse(fields=fields(), model="charlstm-1")

    async def models(self) -> Models:
        return MODELS


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    segments = [
        LabeledSegment(quad=np.array(quad, np.float32), text=text) for quad, text in zip(QUADS, TEXTS, strict=True)
    ]
    for shade, key in enumerate(("a", "b", "c")):
        write_receipt(root, key, np.full((80, 120, 3), 60 * shade, np.uint8), segments, ENTITIES)
    write_split(root, {"train": ["c"], "validation": ["a", "b"], "validation_unseen_company": ["b"], "none": []})
    return root


def use(monkeypatch: pytest.MonkeyPatch, client: Any, stages: Any) -> None:
    @asynccontextmanager
    async def chain() -> AsyncIterator[evaluation.Chain]:
        yield evaluation.Chain(client, stages, 1.5)

    monkeypatch.setattr(evaluation, "chain", chain)


async def test_a_split_is_run_and_kept(monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path) -> None:
    stages = _Stages()
    use(monkeypatch, _Client(), stages)
    seen: list[tuple[str, int]] = []
    records, measures = await evaluation.evaluate(
        data, "validation", progress=lambda record, total: seen.append((record.key, total))
    )
    assert seen == [("a", 2), ("b", 2)]
    assert [record.unseen_company for record in records] == [False, True]
    assert measures["task3"]["given_text"]["all"]["f1"] == 1
    assert measures["task2"]["given_boxes"]["f1"] == 1
    assert measures["failed"] == 0
    assert measures["models"]["detector"] == "ctpn-1"
    assert measures["seconds"]["startup"] == 1.5
    assert [line.text for line in stages.requests[0].lines] == TEXTS
    assert (stages.requests[0].pages[0].width, stages.requests[0].pages[0].height) == (120, 80)

    path = tmp_path / "deep" / "predictions.jsonl"
    evaluation.write_records(path, records)
    assert evaluation.read_records(path) == records
    again = evaluation.rescore(evaluation.read_records(path))
    assert {name: again[name] for name in ("task1", "task2", "task3", "trust", "models")} == {
        name: measures[name] for name in ("task1", "task2", "task3", "trust", "models")
    }


async def test_a_refused_picture_does_not_end_the_evaluation(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    stages = _Stages()
    use(monkeypatch, _Client(refuse=(data / "images" / "a.jpg").read_bytes()), stages)
    records, measures = await evaluation.evaluate(data, "validation")
    assert [record.problem for record in records] == ["The picture is damaged. Send another.", None]
    assert measures["failed"] == 1
    assert measures["task3"]["pixels"]["all"]["recall"] == 0.5
    # The labels of the refused receipt are still measured; the page's size then comes from them.
    assert measures["task3"]["given_text"]["all"]["recall"] == 1
    assert (stages.requests[0].pages[0].width, stages.requests[0].pages[0].height) == (100, 60)


async def test_a_stage_that_is_down_is_told(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    use(monkeypatch, _Client(), _Stages(down=True))
    records, measures = await evaluation.evaluate(data, "validation", limit=1)
    assert [record.problem for record in records] == ["The recognizer is down. It does not answer."]
    assert measures["receipts"] == 1
    assert measures["task2"]["given_boxes"]["cer"] == 1
    assert measures["task2"]["pixels"]["f1"] == 1


async def test_splits_that_cannot_be_evaluated(data: Path) -> None:
    with pytest.raises(DatasetError, match="has no receipts"):
        await evaluation.evaluate(data, "none")
    with pytest.raises(DatasetError, match="no split 'test'"):
        await evaluation.evaluate(data, "test")


def test_unseen_companies_of_a_split(data: Path) -> None:
    assert evaluation.unseen_companies(data, "validation") == {"b"}
    assert evaluation.unseen_companies(data, "validation_unseen_company") == {"b"}
    assert evaluation.unseen_companies(data, "train") is None


def test_a_damaged_file_of_answers_is_told_by_line(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    evaluation.write_records(path, [record()])
    path.write_text(path.read_text() + '{"key": 1}\n')
    with pytest.raises(DatasetError, match="line 2"):
        evaluation.read_records(path)
    with pytest.raises(DatasetError, match="No such file"):
        evaluation.read_records(tmp_path / "absent.jsonl")


def test_the_labels_of_the_data_set_score_one_against_themselves(sroie: Path) -> None:
    from shared.learning.dataset import load_split

    def perfect(labeled: LabeledReceipt) -> Record:
        quads = [[(float(x), float(y)) for x, y in segment.quad] for segment in labeled.segments]
        lines = [LabeledLine(quad=quad, text=s.text) for quad, s in zip(quads, labeled.segments, strict=True)]  # type: ignore[arg-type]
        answer = receipt()
        answer.lines = [Line(quad=line.quad, text=line.text, confidence=1) for line in lines]
        return record(labels=lines, given_boxes=[line.text for line in lines], receipt=answer)

    measures = score([perfect(labeled) for labeled in load_split(sroie, "validation")[:20]])
    assert measures["task1"]["iou50"]["hmean"] == 1
    # DetEval counts labels that touch their neighbors too; only duplicates in the labels may cost.
    assert measures["task1"]["deteval"]["hmean"] > 0.99
    assert measures["task2"]["pixels"]["f1"] == 1

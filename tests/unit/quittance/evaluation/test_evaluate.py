"""Running a split through the chain, with stand-ins for the gateway and the stages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from quittance.evaluation import evaluate as evaluation
from quittance.evaluation.chain import Chain
from quittance_client import AsyncClient
from shared.contracts import ExtractRequest, ExtractResponse, Models, Problem, RecognizedText, RecognizeResponse
from shared.learning.dataset import write_receipt, write_split
from shared.learning.labels import DatasetError, LabeledSegment
from shared.problems import ProblemError
from tests.support.evaluation import ENTITIES, MODELS, QUADS, TEXTS, make_fields, make_receipt


def make_client(rejected: bytes | None = None) -> AsyncClient:
    """Return a client of a gateway that reads every receipt without errors, except the picture that it rejects."""

    def respond(request: httpx2.Request) -> httpx2.Response:
        if request.content == rejected:
            problem = Problem(title="The picture is damaged", status=422, detail="Send another.")
            return httpx2.Response(422, text=problem.model_dump_json())
        return httpx2.Response(200, text=make_receipt().model_dump_json())

    return AsyncClient("http://gateway", transport=httpx2.MockTransport(respond))


class FakeStages:
    """Reads labels as they are labeled, unless it is down."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.requests: list[ExtractRequest] = []

    async def recognize(self, data: bytes, media_type: str, quads: Sequence[Any], _: object) -> RecognizeResponse:
        assert media_type == "application/octet-stream"
        assert data
        if self.down:
            raise ProblemError(status=503, code="stage", title="The recognizer is down", detail="Try again.")
        texts = [RecognizedText(text=TEXTS[QUADS.index(quad)], confidence=1) for quad in quads]
        return RecognizeResponse(texts=texts, model="crnn-1")

    async def extract(self, request: ExtractRequest, _: object) -> ExtractResponse:
        self.requests.append(request)
        return ExtractResponse(fields=make_fields(), model="charlstm-1")

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
    async def start_chain() -> AsyncIterator[Chain]:
        yield Chain(client, stages, 1.5)

    monkeypatch.setattr(evaluation, "start_chain", start_chain)


async def test_measures_a_split(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    stages = FakeStages()
    use(monkeypatch, make_client(), stages)
    progress: list[tuple[str, int]] = []
    records, measures = await evaluation.evaluate(
        data, "validation", progress=lambda record, total: progress.append((record.key, total))
    )
    assert progress == [("a", 2), ("b", 2)]
    assert [record.unseen_company for record in records] == [False, True]
    assert measures["task3"]["given_text"]["all"]["f1"] == 1
    assert measures["task2"]["given_boxes"]["f1"] == 1
    assert measures["failed"] == 0
    assert measures["models"]["detector"] == "ctpn-1"
    assert measures["seconds"]["startup"] == 1.5
    assert measures["peak_memory_mib"] > 1
    assert [line.text for line in stages.requests[0].lines] == TEXTS
    assert (stages.requests[0].pages[0].width, stages.requests[0].pages[0].height) == (120, 80)


async def test_rescoring_gives_the_same_measures(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    use(monkeypatch, make_client(), FakeStages())
    records, measures = await evaluation.evaluate(data, "validation")
    measures["seconds"].pop("startup")
    measures.pop("peak_memory_mib")
    assert evaluation.rescore(records) == measures


async def test_a_rejected_picture_does_not_end_the_evaluation(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    stages = FakeStages()
    use(monkeypatch, make_client(rejected=(data / "images" / "a.jpg").read_bytes()), stages)
    records, measures = await evaluation.evaluate(data, "validation")
    assert [record.problem for record in records] == ["The picture is damaged. Send another.", None]
    assert measures["failed"] == 1
    assert measures["task3"]["pixels"]["all"]["recall"] == 0.5
    # The labels of the rejected receipt are still measured, with the page size that they imply.
    assert measures["task3"]["given_text"]["all"]["recall"] == 1
    assert (stages.requests[0].pages[0].width, stages.requests[0].pages[0].height) == (100, 60)


async def test_a_failed_stage_is_recorded(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    use(monkeypatch, make_client(), FakeStages(down=True))
    records, measures = await evaluation.evaluate(data, "validation", limit=1)
    assert [record.problem for record in records] == ["The recognizer is down. Try again."]
    assert measures["receipts"] == 1
    assert measures["task2"]["given_boxes"]["cer"] == 1
    assert measures["task2"]["pixels"]["f1"] == 1


async def test_rejects_empty_and_unknown_splits(data: Path) -> None:
    with pytest.raises(DatasetError, match="has no receipts"):
        await evaluation.evaluate(data, "none")
    with pytest.raises(DatasetError, match="no split 'test'"):
        await evaluation.evaluate(data, "test")


def test_finds_the_unseen_companies_of_a_split(data: Path) -> None:
    assert evaluation.unseen_companies(data, "validation") == {"b"}
    assert evaluation.unseen_companies(data, "validation_unseen_company") == {"b"}
    assert evaluation.unseen_companies(data, "train") is None

"""Failures stay with their document, and a broken stage is not mistaken for bad documents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import numpy as np
import pytest

from bulk.documents import Document, build_table, read_documents, read_pixels, replace_states
from bulk.stages.stage import Stage, StageBrokenError, create_batcher
from shared.problems import ProblemError
from shared.service.batching import DynamicBatcher

DAMAGED = ProblemError(422, "picture-damaged", "The picture is damaged", "It is truncated.")
OVERLOADED = ProblemError(503, "worker-died", "The worker died", "Restart.")


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


async def fail(error: Exception) -> None:
    raise error


async def succeed(done: list[str], name: str) -> None:
    done.append(name)


def test_one_bad_document_does_not_affect_the_others(stage: Stage) -> None:
    done: list[str] = []
    good, damaged, puzzling, skipped = (Document(name) for name in ("good", "damaged", "puzzling", "skipped"))
    skipped.fail(DAMAGED)
    works: list[tuple[Document, Callable[[], Awaitable[None]]]] = [
        (damaged, partial(fail, DAMAGED)),
        (puzzling, partial(fail, KeyError("x"))),
        (skipped, partial(succeed, done, "skipped")),
        (good, partial(succeed, done, "good")),
    ]
    stage.run(stage.process_all(works))
    assert done == ["good"]
    assert good.fault is None
    assert [one.fault.code for one in (damaged, puzzling) if one.fault] == ["picture-damaged", "internal-error"]


def test_a_broken_stage_raises(stage: Stage) -> None:
    document = Document("1.jpg")
    with pytest.raises(StageBrokenError, match="worker-died"):
        stage.run(stage.process_all([(document, partial(fail, OVERLOADED))]))
    assert document.fault is None


def double(numbers: list[int]) -> list[int]:
    return [2 * number for number in numbers]


def test_batchers_work_between_calls(stage: Stage) -> None:
    batcher: DynamicBatcher[int, int] = create_batcher("doubler", double, max_batch=4)
    stage.keep_open(batcher)
    assert stage.run(batcher.submit_many(list(range(10)))) == list(range(0, 20, 2))
    assert stage.run(batcher.submit(21)) == 42


def test_documents_and_pixels_survive_a_table() -> None:
    pixels = [np.full((2, 3), 7, np.uint8), np.full((1, 4), 9, np.uint8)]
    good = Document("/1.pdf", "a.pdf", sha256="0" * 64, sizes=[(2, 3), (1, 4)], models={"detector": "ctpn-1"})
    bad = Document("/2.jpg")
    bad.fail(DAMAGED)
    table = build_table([good, bad], [pixels, []])
    documents = read_documents(table)
    assert documents == [good, bad]
    found = read_pixels(table, documents)
    assert [page.tolist() for page in found[0]] == [page.tolist() for page in pixels]
    assert found[1] == []
    documents[0].models["recognizer"] = "crnn-1"
    assert read_documents(replace_states(table, documents)) == documents


def test_pixels_are_kept_only_where_there_are_sizes() -> None:
    pixels = [np.full((2, 3), shade, np.uint8) for shade in (7, 8, 9)]
    documents = [Document(f"/{number}.jpg", sizes=[(2, 3)]) for number in range(3)]
    table = build_table(documents, [[page] for page in pixels])
    documents[0].sizes = documents[2].sizes = []
    some = replace_states(table, documents)
    assert some.schema.equals(table.schema)
    kept = read_pixels(some, read_documents(some))
    assert [[page.tolist() for page in pages] for pages in kept] == [[], [pixels[1].tolist()], []]
    documents[1].sizes = []
    none = replace_states(some, documents)
    assert none.schema.equals(table.schema)
    assert read_pixels(none, read_documents(none)) == [[], [], []]
    assert none.nbytes < some.nbytes

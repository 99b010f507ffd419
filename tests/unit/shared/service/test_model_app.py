"""Tests of the application of a model service."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from fastapi import APIRouter, FastAPI

from shared.service.model_app import Model, create_model_app
from shared.service.settings import ServiceSettings
from shared.startup import StartupError
from tests.support.toy_service import open_client


class Doubler:
    """A predictor that doubles numbers."""

    version = "doubler-1"

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.warm_up_thread: threading.Thread | None = None

    def warm_up(self) -> None:
        self.warm_up_thread = threading.current_thread()

    def double(self, numbers: list[int]) -> list[int]:
        self.batches.append(numbers)
        return [2 * number for number in numbers]

    def is_odd(self, number: int) -> bool:
        return bool(number % 2)


DoublerModel = Model[Doubler, int, int]


def create_app(load: Callable[[], Doubler] = Doubler) -> tuple[FastAPI, DoublerModel]:
    model = DoublerModel(load, Doubler.double, Doubler.is_odd)
    router = APIRouter()

    @router.get("/double/{number}")
    async def double(number: int) -> int:
        return await model.batcher.submit(number)

    return create_model_app(model, router, description="", settings=ServiceSettings(), name="doubler"), model


async def test_routes_readiness_and_metrics_use_the_model() -> None:
    app, _ = create_app()
    async with open_client(app) as client:
        assert (await client.get("/double/4")).json() == 8
        assert (await client.get("/readyz")).json()["model"] == "doubler-1"
        assert (
            'quittance_batch_items_count{batcher="doubler",service="doubler"} 1.0'
            in (await client.get("/metrics")).text
        )


async def test_predictor_is_warmed_up_in_a_thread() -> None:
    app, model = create_app()
    async with open_client(app):
        assert model.predictor.warm_up_thread not in (None, threading.main_thread())


async def test_items_of_different_groups_do_not_share_a_batch() -> None:
    app, model = create_app()
    async with open_client(app):
        assert await model.batcher.submit_many([1, 2, 3, 4]) == [2, 4, 6, 8]
        assert all(len({number % 2 for number in batch}) == 1 for batch in model.predictor.batches)


async def test_startup_fails_if_the_model_cannot_be_loaded() -> None:
    def fail() -> Doubler:
        raise StartupError("no weights")

    app, _ = create_app(fail)
    with pytest.raises(StartupError, match="no weights"):
        async with open_client(app):
            pass


def test_model_is_not_available_before_startup() -> None:
    _, model = create_app()
    with pytest.raises(RuntimeError, match="not running"):
        _ = model.predictor
    with pytest.raises(RuntimeError, match="not running"):
        _ = model.batcher

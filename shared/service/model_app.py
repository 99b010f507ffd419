"""The application of a model service: a predictor behind a batcher, loaded and warmed up by the lifespan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Generic, Protocol, TypeVar

from fastapi import APIRouter, FastAPI

from shared.inference.priority import lower_thread_priority
from shared.pictures.memory import open_decoders
from shared.service.app import create_service_app
from shared.service.batching import DynamicBatcher, Item, Result
from shared.service.components import ServiceComponents, get_components
from shared.service.settings import ServiceSettings


class ModelPredictor(Protocol):
    """The part of a service's predictor that every service has.

    Attributes:
        version: Version of the weights and of the settings that change answers.
    """

    version: str

    def warm_up(self) -> None:
        """Run the network once, so that the first request does not pay for its setup."""


AnyPredictor = TypeVar("AnyPredictor", bound=ModelPredictor)


class Model(Generic[AnyPredictor, Item, Result]):
    """The predictor of a service and its batcher, available while the application runs.

    Args:
        load: Loads the predictor; called in a thread.
        process: Computes a batch in the worker thread, see `DynamicBatcher`.
        group: Key of an item; only items with the same key share a batch.
    """

    def __init__(
        self,
        load: Callable[[], AnyPredictor],
        process: Callable[[AnyPredictor, list[Item]], Sequence[Result | Exception]],
        group: Callable[[AnyPredictor, Item], Hashable] = lambda _, __: None,
    ) -> None:
        self._load = load
        self._process = process
        self._group = group
        self._predictor: AnyPredictor | None = None
        self._batcher: DynamicBatcher[Item, Result] | None = None

    @property
    def predictor(self) -> AnyPredictor:
        """The loaded predictor."""
        if self._predictor is None:
            raise RuntimeError("The model is not loaded: the application is not running.")
        return self._predictor

    @property
    def batcher(self) -> DynamicBatcher[Item, Result]:
        """The running batcher."""
        if self._batcher is None:
            raise RuntimeError("The batcher is not running: the application is not running.")
        return self._batcher

    @asynccontextmanager
    async def serve(self, components: ServiceComponents) -> AsyncIterator[str]:
        """Load the predictor and run the batcher inside the block; yield the version of the predictor.

        The service is ready only while the worker of the batcher is alive.
        """
        settings, name = components.settings, components.metrics.service
        # In a thread of its own, from which the threads of the network inherit the priority.
        loading = ThreadPoolExecutor(1, "load", initializer=lower_thread_priority)
        try:
            predictor = await asyncio.get_running_loop().run_in_executor(loading, self._load_warm)
        finally:
            loading.shutdown(wait=False)
        batcher = DynamicBatcher[Item, Result](
            lambda items: self._process(predictor, items),
            max_batch=settings.max_batch,
            max_wait_ms=settings.max_wait_ms,
            max_queue=settings.max_queue,
            group=lambda item: self._group(predictor, item),
            name=name,
            metrics=components.metrics.batch_metrics(name),
        )
        async with batcher:
            self._predictor, self._batcher = predictor, batcher
            components.health.require("batcher", lambda: batcher.is_alive)
            components.health.watch("batcher", lambda: batcher.busy_s)
            yield predictor.version

    def _load_warm(self) -> AnyPredictor:
        predictor = self._load()
        predictor.warm_up()
        return predictor


def create_model_app(
    model: Model[AnyPredictor, Item, Result],
    router: APIRouter,
    *,
    description: str,
    settings: ServiceSettings,
    name: str | None = None,
    has_pictures: bool = False,
) -> FastAPI:
    """Create the application of a model service.

    Args:
        model: Predictor and batcher, used by the routes.
        router: Routes of the service.
        description: Markdown for the OpenAPI document.
        settings: Settings of the service.
        name: Name of the service; that of its settings by default.
        has_pictures: Whether the routes call `decode_once`.

    Returns:
        The application. Its lifespan raises StartupError if the model cannot be loaded.
    """
    name = name or settings.service

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[str]:
        async with AsyncExitStack() as stack:
            version = await stack.enter_async_context(model.serve(get_components(app)))
            if has_pictures:
                decoders = await stack.enter_async_context(open_decoders())
                get_components(app).health.watch("decoder", decoders.stuck_s)
            yield version

    return create_service_app(
        name=name,
        title=f"Quittance {name}",
        description=description,
        settings=settings,
        lifespan=lifespan,
        routers=[router],
    )

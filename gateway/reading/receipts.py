"""Receipts as the API gives them: from the cache if they were read before, else read once for all who ask."""

from __future__ import annotations

import asyncio

from gateway.corrections.store import CorrectionStore
from gateway.corrections.values import build_corrections
from gateway.reading.capacity import Admission
from gateway.reading.metrics import ReceiptMetrics
from gateway.reading.pipeline import Pipeline
from gateway.reading.shared_reading import FREELY, Caching, SharedReading
from gateway.reading.single_flight import SingleFlight
from gateway.stages.stages import Stages
from gateway.storage.cache import Content, Place, ReceiptCache
from shared.contracts import CorrectionRequest, Corrections, Orientation, Receipt
from shared.problems import ProblemError
from shared.service.deadline import Deadline, deadline_problem

_GRACE_S = 0.05  # the computation's own message, which names the stage, should come first


class Receipts:
    """Reads receipts and finds those that were read.

    Args:
        stages: The clients, which know the models' versions.
        pipeline: Reads what is not in the cache.
        cache: Keeps what was read, as the models read it.
        corrections: Keeps what people say about it, and what that teaches.
        metrics: Where what was read is counted.
        admission: Refuses receipts that are too many at once.
        patience_s: Longest time, in seconds, that the cache may add to a request.
    """

    def __init__(
        self,
        *,
        stages: Stages,
        pipeline: Pipeline,
        cache: ReceiptCache,
        corrections: CorrectionStore,
        metrics: ReceiptMetrics,
        admission: Admission,
        patience_s: float,
    ) -> None:
        self._stages = stages
        self._pipeline = pipeline
        self._cache = cache
        self._corrections = corrections
        self._metrics = metrics
        self._admission = admission
        self._reading = SharedReading(cache, patience_s=patience_s, count=metrics.looked_up)
        self._flights: SingleFlight[Receipt] = SingleFlight()

    async def read(self, data: bytes, orientation: Orientation | None = None, caching: Caching = FREELY) -> Receipt:
        """Gives the receipt in a picture; one that the same models have read so before comes from the cache.

        Args:
            data: The picture.
            orientation: Whether turned pages are looked for; as the detector is set if left out.
            caching: What the cache may do.

        Raises:
            ProblemError: See `Pipeline.read`; 503 also if the models' versions are not known yet, or too many receipts
                are being read.
        """
        return await self._read(data, await Content.of(data), orientation, caching)

    async def read_pages(
        self, data: bytes, orientation: Orientation | None = None, caching: Caching = FREELY
    ) -> list[Receipt]:
        """Gives a receipt for each page of a picture or document, in their order; of one page, the same as `read`.

        Raises:
            ProblemError: As `read`, also if any one page cannot be read.
        """
        content = await Content.of(data)
        pages = await self._pipeline.pages(data)
        if len(pages) == 1:
            return [await self._read(data, content, orientation, caching)]
        return [await self._read(page, content.page(number), orientation, caching) for number, page in enumerate(pages)]

    async def _read(self, data: bytes, content: Content, orientation: Orientation | None, caching: Caching) -> Receipt:
        place = Place(content, await self._stages.models(), _options(orientation))

        async def compute(shared: Deadline) -> Receipt:
            try:
                with self._admission.enter():
                    receipt = await self._pipeline.read(data, content, place.models, orientation, shared)
            except ProblemError as problem:
                self._metrics.failed(problem)
                raise
            self._metrics.read(receipt)
            return receipt

        # The whole hash, not only the id: two pictures never share a computation.
        key = f"{place.key}:{content.sha256}:{caching}"
        deadline = self._pipeline.deadline()
        own_s = deadline.remaining()  # others who join may put the computation's off, but not make this caller wait
        try:
            async with asyncio.timeout(own_s + _GRACE_S) as limit:
                receipt = await self._flights.run(
                    key, lambda shared: self._reading.run(place, lambda: compute(shared), caching), deadline
                )
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise deadline_problem(deadline.seconds) from error
        return await self._with_corrections(receipt)

    async def find(self, receipt_id: str, orientation: Orientation | None = None) -> Receipt | None:
        """Gives a receipt that the current models have read with this option, or None.

        Raises:
            CacheUnavailableError: If the cache cannot be asked.
            ProblemError: 503 if the models' versions are not known yet.
        """
        receipt = await self._as_read(receipt_id, orientation)
        return None if receipt is None else await self._with_corrections(receipt)

    async def is_kept(self, receipt_id: str) -> bool:
        """Whether `find` would find a receipt; raises what it raises."""
        return await self._as_read(receipt_id, None) is not None

    async def delete(self, receipt_id: str) -> bool:
        """Forgets a receipt and its corrections; gives whether any of it was kept.

        Raises:
            CacheUnavailableError: If the cache cannot be asked; the corrections are kept then.
            ProblemError: 503 if the corrections cannot be reached.
        """
        cached = await self._cache.delete(receipt_id)
        return await self._corrections.delete(receipt_id) or cached

    async def correct(
        self, receipt_id: str, request: CorrectionRequest, orientation: Orientation | None = None
    ) -> Corrections | None:
        """Keeps what a person says about a receipt; gives all its corrections, None if `find` would not find it.

        Raises:
            CacheUnavailableError: If the cache cannot be asked.
            ProblemError: 422 if a value cannot be taken, 503 if it cannot be kept.
        """
        receipt = await self._as_read(receipt_id, orientation)
        return None if receipt is None else await self._corrections.put(receipt, build_corrections(request, receipt))

    async def corrections(self, receipt_id: str) -> Corrections | None:
        """Gives the corrections of a receipt, whether it is in the cache or not; raises `ProblemError` 503."""
        return (await self._corrections.find(receipt_id)).corrections

    async def delete_corrections(self, receipt_id: str) -> bool:
        """Forgets the corrections of a receipt; gives whether there were any. Raises `ProblemError` 503."""
        return await self._corrections.delete(receipt_id)

    async def _as_read(self, receipt_id: str, orientation: Orientation | None) -> Receipt | None:
        return await self._cache.find(receipt_id, await self._stages.models(), _options(orientation))

    async def _with_corrections(self, receipt: Receipt) -> Receipt:
        known = await self._corrections.find(receipt.id)
        if known.taught and receipt.lines:
            receipt = await self._pipeline.correct(receipt, known.taught)
        return receipt.model_copy(update={"corrections": known.corrections})

    async def aclose(self) -> None:
        """Waits a moment for receipts that are still being put into the cache."""
        await self._reading.aclose()


def _options(orientation: Orientation | None) -> dict[str, str]:
    """What was asked for and changes the answer, for the key in the cache."""
    return {} if orientation is None else {"orientation": orientation}

"""Receipts as the API offers them: read, find, correct and delete."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from gateway.caller import Caller
from gateway.corrections.store import CorrectionStore
from gateway.corrections.values import build_corrections
from gateway.reading.metrics import ReceiptMetrics
from gateway.reading.pipeline import Pipeline
from gateway.reading.read_request import ReadRequest
from gateway.reading.several.splitting import Splitter
from gateway.reading.shared_reading import SharedReading
from gateway.stages.stages import Stages
from gateway.storage.cache import ContentId, FoundReceipt, ReceiptCache
from shared.contracts import CorrectionRequest, Corrections, Orientation, Receipt, ReceiptWarning, Split
from shared.problems import ProblemError

UNCORRECTED = "corrections-unavailable"
_UNCORRECTED = ReceiptWarning(
    code=UNCORRECTED,
    detail="Corrections cannot be read at the moment. The receipt is as the models read it: neither corrections of "
    "this receipt nor merchants learned from others are applied.",
)


class Receipts:
    """Reads receipts, and finds those that were read.

    Corrections are an addition: while they cannot be read, receipts are returned without them, and say so.

    Args:
        stages: The clients of the stages, which know the versions of the models.
        pipeline: Renders documents, and applies corrections.
        reading: Reads receipts that are not cached.
        cache: Keeps receipts as the models read them.
        corrections: Keeps what people corrected, and what that teaches.
        metrics: Counts warnings.
        timeout_s: Timeout per page of a document that is read page by page, in seconds.
    """

    def __init__(
        self,
        *,
        stages: Stages,
        pipeline: Pipeline,
        reading: SharedReading,
        cache: ReceiptCache,
        corrections: CorrectionStore,
        metrics: ReceiptMetrics,
        timeout_s: float,
    ) -> None:
        self._stages = stages
        self._pipeline = pipeline
        self._reading = reading
        self._cache = cache
        self._corrections = corrections
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._splitter = Splitter(pipeline, self.read, timeout_s)

    async def read(self, request: ReadRequest) -> Receipt:
        """Return the receipt in a picture or document, from the cache if the same models have read it before.

        Raises:
            ProblemError: See `Pipeline.read` and `SharedReading.read`; 503 also if the versions of the models are not
                known yet.
        """
        models = await self._stages.models()
        receipt = await self._reading.read(request, models)
        return await self._apply_corrections(receipt, request.owner)

    async def read_separately(self, request: ReadRequest, split: Split) -> list[Receipt]:
        """Return the separate receipts in a picture or document; see `Splitter.read`."""
        return await self._splitter.read(request, split)

    async def merge(self, requests: Sequence[ReadRequest]) -> Receipt:
        """Return the receipt that several pictures show part by part, from top to bottom; rows they share count once.

        Only the whole receipt is cached.

        Raises:
            ProblemError: Like `read`, also if any one picture cannot be read.
        """
        first = requests[0]
        whole = replace(
            first, identity=ContentId.merge([request.identity for request in requests]), is_overlapping=True
        )
        parts = []
        for request in requests:
            caching = replace(request.caching, may_keep=False)
            parts.append(await self.read(replace(request.restart(self._timeout_s), caching=caching)))
        return await self.read(replace(whole.restart(self._timeout_s), parts=tuple(parts)))

    async def find(self, receipt_id: str, caller: Caller, orientation: Orientation | None = None) -> Receipt | None:
        """Return a receipt of the caller that the current models have read with this option, or None.

        Raises:
            CacheUnavailableError: If the cache cannot be reached.
            ProblemError: 503 if the versions of the models are not known yet.
        """
        found = await self._find_uncorrected(receipt_id, caller, orientation)
        return None if found is None else await self._apply_corrections(found.receipt, found.owner)

    async def exists(self, receipt_id: str, caller: Caller) -> bool:
        """Whether `find` would find a receipt; raises like `find`."""
        return await self._find_uncorrected(receipt_id, caller, None) is not None

    async def delete(self, receipt_id: str, caller: Caller) -> bool:
        """Delete a receipt of the caller and its corrections; return whether there were any.

        An operator deletes it for all owners.

        Raises:
            CacheUnavailableError: If the cache cannot be reached; the corrections are kept then.
            ProblemError: 503 if the corrections cannot be reached.
        """
        was_cached = await self._cache.delete(receipt_id, caller)
        return await self.delete_corrections(receipt_id, caller) or was_cached

    async def correct(
        self, receipt_id: str, request: CorrectionRequest, caller: Caller, orientation: Orientation | None = None
    ) -> Corrections | None:
        """Keep a person's corrections of a receipt; return all its corrections, or None if `find` would not find it.

        The author is the key of the caller; only a caller without a key may name another.

        Raises:
            CacheUnavailableError: If the cache cannot be reached.
            ProblemError: 422 if a value is not valid, 503 if it cannot be kept.
        """
        found = await self._find_uncorrected(receipt_id, caller, orientation)
        if found is None:
            return None
        changes = build_corrections(request, found.receipt, author=caller.name or request.author)
        return await self._corrections.put(found.receipt, changes, owner=found.owner)

    async def find_corrections(self, receipt_id: str, caller: Caller) -> Corrections | None:
        """Return the corrections of a caller's receipt, whether it is cached or not; raise `ProblemError` 503."""
        owner = caller.group
        if caller.is_operator:
            owners = await self._corrections.find_owners(receipt_id)
            owner = owners[0] if owners and owner not in owners else owner
        return (await self._corrections.find(receipt_id, owner=owner)).corrections

    async def delete_corrections(self, receipt_id: str, caller: Caller, names: Collection[str] = ()) -> bool:
        """Delete the corrections of a caller's receipt; return whether there were any. Raise `ProblemError` 503.

        An operator deletes those of all owners. `names` are those of `CorrectionStore.delete`.
        """
        owners = await self._corrections.find_owners(receipt_id) if caller.is_operator else [caller.group]
        return any([await self._corrections.delete(receipt_id, owner=owner, names=names) for owner in owners])

    async def _find_uncorrected(
        self, receipt_id: str, caller: Caller, orientation: Orientation | None
    ) -> FoundReceipt | None:
        return await self._cache.find(receipt_id, await self._stages.models(), caller, orientation)

    async def apply_own_corrections(self, receipt: Receipt, owner: str) -> Receipt:
        """Return a receipt that was read before with its current corrections, but not what others teach since then."""
        try:
            stored = await self._corrections.find(receipt.id, owner=owner)
        except ProblemError:
            return self._warn(receipt)
        return receipt.model_copy(update={"corrections": stored.corrections, "warnings": _list_others(receipt)})

    async def _apply_corrections(self, receipt: Receipt, owner: str) -> Receipt:
        try:
            stored = await self._corrections.find(receipt.id, owner=owner)
        except ProblemError:
            return self._warn(receipt)
        if stored.taught and receipt.lines:
            receipt = await self._pipeline.correct(receipt, stored.taught)
        return receipt.model_copy(update={"corrections": stored.corrections})

    def _warn(self, receipt: Receipt) -> Receipt:
        self._metrics.count_warning(_UNCORRECTED)
        return receipt.model_copy(update={"warnings": [*_list_others(receipt), _UNCORRECTED]})


def _list_others(receipt: Receipt) -> list[ReceiptWarning]:
    """Return the warnings without that about corrections, which a stored receipt has from when it was read."""
    return [warning for warning in receipt.warnings if warning.code != UNCORRECTED]

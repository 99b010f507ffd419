"""The fourth stage, on CPUs: find the fields in the text, and turn documents into rows of the output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from bulk.documents import Document, read_documents
from bulk.review import find_review_reasons
from bulk.schema import RECEIPT_COLUMNS, build_schema
from bulk.stages.stage import Stage, create_batcher
from gateway.reading.page_reader import PageReading
from gateway.reading.receipt_parts import (
    NOTHING_EXTRACTED,
    Extraction,
    build_extract_request,
    build_receipt,
    find_receipts,
)
from gateway.storage.cache import ContentId
from services.extractor.app import check_request, group_by_length
from services.extractor.predictor import Predictor
from services.extractor.settings import ExtractorSettings
from shared.contracts import Extracted, ExtractRequest, Models, Receipt
from shared.service.batching import DynamicBatcher


class ExtractStage(Stage):
    """Turns documents with readings into rows of the output.

    Args:
        settings: Settings of the extractor that differ from their defaults.
        split: Whether each page is a separate receipt.
        threshold: Confidence below which a field needs review.
    """

    def __init__(self, settings: dict[str, Any], *, split: bool, threshold: float) -> None:
        super().__init__()
        self._settings = ExtractorSettings(**settings)
        self._split = split
        self._threshold = threshold
        self._schema = build_schema()
        self._predictor = Predictor.load(self._settings)
        self._batcher: DynamicBatcher[ExtractRequest, Extracted] = self.keep_open(
            create_batcher(
                "extractor", self._predictor.extract, max_batch=self._settings.max_batch, group=group_by_length
            )
        )

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return a row per receipt, and a row per document that could not be read."""
        documents = read_documents(table)
        receipts: list[list[Receipt]] = [[] for _ in documents]
        works = [(one, partial(self._extract, one, found)) for one, found in zip(documents, receipts, strict=True)]
        self.run(self.process_all(works))
        rows = [row for pair in zip(documents, receipts, strict=True) for row in self._build_rows(*pair)]
        return pa.Table.from_pylist(rows, self._schema)

    async def _extract(self, document: Document, receipts: list[Receipt]) -> None:
        identity = ContentId(document.sha256 or "")
        if not self._split or len(document.readings) == 1:
            receipts.append(await self._build(identity, document.readings, document))
            return
        found = [
            await self._build(identity.page(number), [reading], document)
            for number, reading in enumerate(document.readings)
        ]
        receipts += found

    async def _build(self, identity: ContentId, readings: Sequence[PageReading], document: Document) -> Receipt:
        found = [await find_receipts(reading, self._find_fields) for reading in readings]
        extraction = await self._find_fields(found)
        models = Models(extractor=self._predictor.version, **document.models)
        return build_receipt(identity.receipt_id, found, extraction, models=models, decode_ms=0.0)

    async def _find_fields(self, readings: Sequence[PageReading]) -> Extraction:
        request = build_extract_request(readings)
        if request is None:
            return NOTHING_EXTRACTED
        check_request(request, self._settings)
        return Extraction(await self._batcher.submit(request), self._predictor.version)

    def _build_rows(self, document: Document, receipts: Sequence[Receipt]) -> Iterator[dict[str, Any]]:
        origin = {"source": document.source, "member": document.member}
        if document.fault is not None:
            error = {name: getattr(document.fault, name) for name in ("code", "title", "detail")}
            identity = None if document.sha256 is None else ContentId(document.sha256).receipt_id
            yield {**origin, "id": identity, "needs_review": True, "review": ["error"], "error": error}
            return
        for number, receipt in enumerate(receipts):
            reasons = find_review_reasons(receipt, self._threshold)
            values = receipt.model_dump(include=set(RECEIPT_COLUMNS))
            page = number if len(receipts) > 1 else None
            yield {**origin, "page": page, "needs_review": bool(reasons), "review": reasons, **values}

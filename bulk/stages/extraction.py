"""The fourth stage, on CPUs: find the fields in the text, and turn documents into rows of the output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from bulk.documents import Document, read_documents, read_pixels
from bulk.review import find_review_reasons
from bulk.schema import RECEIPT_COLUMNS, build_schema
from bulk.stages.separation import AreaReader, DocumentReader
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
from shared.arrays import Pixels
from shared.contracts import Extracted, ExtractRequest, Models, Receipt, Split
from shared.service.batching import DynamicBatcher


class ExtractStage(Stage):
    """Turns documents with readings into rows of the output.

    Args:
        settings: Settings of the extractor that differ from their defaults.
        again: Settings of detector and recognizer, for parts of pages that are receipts of their own.
        split: How to separate the receipts in a file; None to take each file as one.
        threshold: Confidence below which a field needs review.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        again: tuple[dict[str, Any], dict[str, Any]],
        *,
        split: Split | None,
        threshold: float,
    ) -> None:
        super().__init__()
        self._settings = ExtractorSettings(**settings)
        self._split = split
        self._areas = AreaReader(again[0], again[1], self.enter)
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
        pixels = read_pixels(table, documents)
        receipts: list[list[Receipt]] = [[] for _ in documents]
        works = [
            (one, partial(self._extract, one, pages, found))
            for one, pages, found in zip(documents, pixels, receipts, strict=True)
        ]
        self.run(self.process_all(works))
        rows = [row for pair in zip(documents, receipts, strict=True) for row in self._build_rows(*pair)]
        return pa.Table.from_pylist(rows, self._schema)

    async def _extract(self, document: Document, pixels: Sequence[Pixels], receipts: list[Receipt]) -> None:
        build = partial(self._build, document)
        if self._split is None:
            receipts.append(await build(ContentId(document.sha256 or ""), document.readings))
            return
        reader = DocumentReader(document, pixels, self._areas, build)
        receipts += await reader.read_separately(self._split)

    async def _build(self, document: Document, identity: ContentId, readings: Sequence[PageReading]) -> Receipt:
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
        for receipt in receipts:
            reasons = find_review_reasons(receipt, self._threshold)
            values = receipt.model_dump(include=set(RECEIPT_COLUMNS))
            page = receipt.pages[0].index if len(receipts) > 1 else None
            yield {**origin, "page": page, "needs_review": bool(reasons), "review": reasons, **values}

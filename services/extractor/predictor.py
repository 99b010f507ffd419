"""The extractor's predictor: text segments of receipts go in, fields come out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from services.extractor.encoding import TextSegment, encode
from services.extractor.fields import Extraction, FieldReader
from services.extractor.merchants import SPLITS, Directory, load_directory
from services.extractor.network.engine import Engine, probabilities
from services.extractor.network.loading import load_engine, read_weights
from services.extractor.settings import ExtractorSettings
from services.extractor.teaching import Teaching
from shared.contracts import CorrectRequest, ExtractRequest, Fields, Line, MerchantCorrection, PageSize
from shared.inference.engines import describe_arithmetic
from shared.inference.processor import share_memory_arena

_TEACHINGS = 8


class Predictor:
    """Encoding, network and field reading behind one call. Call `extract` and `explain` from one thread.

    Args:
        engine: Runs the network.
        reader: Turns its probabilities into fields.
        version: Of the weights, and what they are computed with.
        directory: Known merchants, which people's corrections are taught to; None if spelling stays as it was read.
    """

    def __init__(
        self, engine: Engine, reader: FieldReader, *, version: str, directory: Directory | None = None
    ) -> None:
        self._engine = engine
        self.reader = reader
        self.version = version
        self._directory = directory
        # Most requests bring the same corrections: all that there are but the receipt's own.
        self._teaching = lru_cache(maxsize=_TEACHINGS)(_teaching)

    @classmethod
    def load(cls, settings: ExtractorSettings) -> Predictor:
        """Load the weights that the settings name.

        Raises:
            WeightsError: If they cannot be used.
            DirectoryError: If the merchant directory or the vendor list cannot be read.
            EngineError: If the library that is to run the network is not there.
            DeviceError: If there is no such device.
        """
        share_memory_arena()
        weights = read_weights(settings.weights)
        engine = load_engine(weights, settings)
        directory = _directory(settings)
        reader = FieldReader(
            weights.scoring,
            directory,
            month_first=settings.date_order == "month_first",
            least_confidence=settings.least_confidence,
        )
        computed = describe_arithmetic(settings.engine, settings.device, settings.precision, False)
        version = "+".join([weights.version, computed, *_told(settings)])
        return cls(engine, reader, version=version, directory=directory)

    def extract(self, documents: Sequence[ExtractRequest]) -> list[Fields]:
        """The fields of each receipt, in order; all null where there is no text."""
        return [extraction.fields for extraction in self.explain([segments_of(one) for one in documents])]

    def explain(self, receipts: Sequence[Sequence[TextSegment]]) -> list[Extraction]:
        """As `extract`, with the evidence for each field."""
        documents = [encode(segments) for segments in receipts]
        scores = probabilities(self._engine, documents)
        return [
            self.reader.read(segments, document, score)
            for segments, document, score in zip(receipts, documents, scores, strict=True)
        ]

    def correct(self, request: CorrectRequest) -> Fields:
        """The fields as people corrected those of other receipts; as they are where the directory is switched off."""
        if self._directory is None:
            return request.fields
        return self._teaching(tuple(request.corrections), self._directory).apply(request.fields, request.lines)

    def warm_up(self) -> None:
        """Compute once, so that the first request need not wait for what is set up at first use."""
        quad = ((0.0, 0.0), (100.0, 0.0), (100.0, 20.0), (0.0, 20.0))
        line = Line(quad=quad, text="TOTAL 9.00", confidence=1.0)
        self.extract([ExtractRequest(pages=[PageSize(width=200, height=100)], lines=[line])])


def _teaching(corrections: tuple[MerchantCorrection, ...], directory: Directory) -> Teaching:
    return Teaching(corrections, directory)


def _directory(settings: ExtractorSettings) -> Directory | None:
    if settings.merchant_directory == "off":
        return None
    splits = ("train",) if settings.merchant_directory == "train" else SPLITS
    return load_directory(vendors=settings.vendor_list, splits=splits)


def _told(settings: ExtractorSettings) -> list[str]:
    """What settings other than the usual change in the answers, for the version: caches must not mix them."""
    usual = ExtractorSettings.model_fields
    told = {
        name: getattr(settings, name)
        for name in ("merchant_directory", "date_order", "least_confidence")
        if getattr(settings, name) != usual[name].default
    }
    parts = [f"{name}-{value}" for name, value in told.items()]
    if settings.vendor_list is not None and settings.merchant_directory != "off":
        parts.append(f"vendors-{hashlib.sha256(settings.vendor_list.read_bytes()).hexdigest()[:8]}")
    return parts


def segments_of(request: ExtractRequest) -> list[TextSegment]:
    """The lines of a request, with their quads as arrays."""
    return [
        TextSegment(np.array(line.quad, np.float32), line.text, line.page, line.confidence) for line in request.lines
    ]

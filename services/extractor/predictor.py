"""The extractor without HTTP: text segments in, fields out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from services.extractor.details.agreement import find_amounts_of
from services.extractor.details.assemble import assemble
from services.extractor.details.reading import Reading
from services.extractor.encoding import Document, TextSegment, encode
from services.extractor.fields import Extraction, FieldReader
from services.extractor.merchants import SPLITS, Directory, load_directory
from services.extractor.network.engine import Engine, compute_probabilities
from services.extractor.network.loading import load_engine, read_weights
from services.extractor.settings import ExtractorSettings
from services.extractor.source import Source
from services.extractor.teaching import Teaching
from shared.arrays import Floats
from shared.contracts import CorrectRequest, Extracted, ExtractRequest, Fields, Line, PageSize
from shared.inference.engines import describe_arithmetic
from shared.inference.processor import share_memory_arena

# Sets of corrections kept ready: most requests bring the same ones, all that exist except the receipt's own.
_MAX_TEACHINGS = 8
_VERSIONED_SETTINGS = ("merchant_directory", "date_order", "least_confidence", "default_country")


class Predictor:
    """Encoding, network and field reading of the extractor. Call `extract` and `explain` from one thread.

    Args:
        engine: Runs the network.
        reader: Turns probabilities into fields.
        version: Version of the weights and of the settings that change answers.
        directory: Merchant directory, which people's corrections extend; None if spelling is not corrected.
        default_country: ISO 3166 code of the country to assume if a receipt does not show one.
    """

    def __init__(
        self,
        engine: Engine,
        reader: FieldReader,
        *,
        version: str,
        directory: Directory | None = None,
        default_country: str | None = None,
    ) -> None:
        self._engine = engine
        self.reader = reader
        self.version = version
        self._directory = directory
        self._default_country = default_country
        self._get_teaching = lru_cache(maxsize=_MAX_TEACHINGS)(Teaching)

    @classmethod
    def load(cls, settings: ExtractorSettings | None = None) -> Predictor:
        """Load the weights and the merchant directory.

        Args:
            settings: Read from the environment by default.

        Raises:
            WeightsError: If weights are missing, damaged or not for this version.
            DirectoryError: If the merchant directory or the vendor list cannot be read.
            EngineError: If the requested library is not installed.
            DeviceError: If the device is unknown or missing.
        """
        settings = settings or ExtractorSettings.from_environment()
        share_memory_arena()
        weights = read_weights(settings.weights)
        engine = load_engine(weights, settings)
        directory = _load_directory(settings)
        reader = FieldReader(
            weights.scoring,
            directory,
            month_first=settings.date_order == "month_first",
            least_confidence=settings.least_confidence,
            default_country=settings.default_country,
        )
        # Everything that changes answers is part of the version, so that caches do not mix them.
        arithmetic = describe_arithmetic(settings.engine, settings.device, settings.precision, is_quantized=False)
        version = "+".join([weights.version, arithmetic, *_describe_settings(settings)])
        return cls(engine, reader, version=version, directory=directory, default_country=settings.default_country)

    def extract(self, documents: Sequence[ExtractRequest]) -> list[Extracted]:
        """Find everything on each receipt, in order; all fields are null without text."""
        receipts = [read_segments(one) for one in documents]
        encoded, scores = self._score(receipts)
        return [self._read(*parts) for parts in zip(receipts, encoded, scores, strict=True)]

    def _read(self, segments: Sequence[TextSegment], document: Document, scores: Floats) -> Extracted:
        reading = Reading(Source(segments, document), scores, self._default_country)
        amounts = find_amounts_of(reading)
        return assemble(reading, self.reader.read(segments, document, scores, amounts).fields, amounts)

    def explain(self, receipts: Sequence[Sequence[TextSegment]]) -> list[Extraction]:
        """Find the fields of each receipt and the evidence for each field, in order."""
        documents, scores = self._score(receipts)
        return [
            self.reader.read(segments, document, score)
            for segments, document, score in zip(receipts, documents, scores, strict=True)
        ]

    def _score(self, receipts: Sequence[Sequence[TextSegment]]) -> tuple[list[Document], list[Floats]]:
        documents = [encode(segments) for segments in receipts]
        return documents, compute_probabilities(self._engine, documents)

    def correct(self, request: CorrectRequest) -> Fields:
        """Apply people's corrections of other receipts to fields; do nothing if the directory is switched off."""
        if self._directory is None:
            return request.fields
        return self._get_teaching(tuple(request.corrections), self._directory).apply(request.fields, request.lines)

    def warm_up(self) -> None:
        """Run the network once, so that the first request does not pay for its setup."""
        quad = ((0.0, 0.0), (100.0, 0.0), (100.0, 20.0), (0.0, 20.0))
        line = Line(quad=quad, text="TOTAL 9.00", confidence=1.0)
        self.extract([ExtractRequest(pages=[PageSize(width=200, height=100)], lines=[line])])


def _load_directory(settings: ExtractorSettings) -> Directory | None:
    if settings.merchant_directory == "off":
        return None
    splits = ("train",) if settings.merchant_directory == "train" else SPLITS
    return load_directory(vendors=settings.vendor_list, splits=splits)


def _describe_settings(settings: ExtractorSettings) -> list[str]:
    """Return the settings that change answers and differ from their default, for the version."""
    fields = ExtractorSettings.model_fields
    values = {name: getattr(settings, name) for name in _VERSIONED_SETTINGS}
    parts = [f"{name}-{value}" for name, value in values.items() if value != fields[name].default]
    if settings.vendor_list is not None and settings.merchant_directory != "off":
        parts.append(f"vendors-{hashlib.sha256(settings.vendor_list.read_bytes()).hexdigest()[:8]}")
    return parts


def read_segments(request: ExtractRequest) -> list[TextSegment]:
    """Return the lines of a request with their quads as arrays."""
    quads = np.array([line.quad for line in request.lines], np.float32)
    return [
        TextSegment(quad, line.text, line.page, line.confidence)
        for quad, line in zip(quads, request.lines, strict=True)
    ]

"""The extractor's predictor: text segments of receipts go in, fields come out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch

from services.extractor.batch import probabilities
from services.extractor.encoding import ALPHABET, TextSegment, encode
from services.extractor.fields import Extraction, FieldReader
from services.extractor.merchants import Directory, load_directory
from services.extractor.network import CharacterLSTM
from services.extractor.scoring import Scoring
from services.extractor.settings import ExtractorSettings
from services.extractor.teaching import Teaching
from shared.contracts import CorrectRequest, ExtractRequest, Fields, Line, MerchantCorrection, PageSize
from shared.device import select_device, set_threads, share_memory_arena
from shared.weights import WeightsError, load_into, load_weights

NAME = "charlstm"
_TEACHINGS = 8


class Predictor:
    """Encoding, network and field reading behind one call.

    Args:
        network: The network, on `device`, in evaluation mode.
        reader: Turns its probabilities into fields.
        device: Where it runs.
        version: Of the weights.
        directory: Known merchants, which people's corrections are taught to; None if spelling stays as it was read.
    """

    def __init__(
        self,
        network: CharacterLSTM,
        reader: FieldReader,
        device: torch.device,
        version: str,
        directory: Directory | None = None,
    ) -> None:
        self.network = network.eval()
        self.reader = reader
        self.device = device
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
            ValueError: If there is no such device.
        """
        set_threads(settings.threads)
        share_memory_arena()
        device = select_device(settings.device)
        manifest, tensors = load_weights(settings.weights, name=NAME)
        if manifest.alphabet != ALPHABET:
            raise WeightsError(f"{settings.weights}: the weights are for another alphabet; train and export them anew")
        network = CharacterLSTM(**manifest.architecture["network"])
        load_into(network, tensors)
        directory = load_directory(vendors=settings.vendor_list) if settings.merchant_directory else None
        scoring = Scoring.model_validate(manifest.architecture["scoring"])
        reader = FieldReader(scoring, directory, month_first=settings.date_order == "month_first")
        return cls(network.to(device), reader, device, manifest.version, directory)

    def extract(self, documents: Sequence[ExtractRequest]) -> list[Fields]:
        """The fields of each receipt, in order; all null where there is no text."""
        return [extraction.fields for extraction in self.explain([segments_of(one) for one in documents])]

    def explain(self, receipts: Sequence[Sequence[TextSegment]]) -> list[Extraction]:
        """As `extract`, with the evidence for each field."""
        documents = [encode(segments) for segments in receipts]
        scores = probabilities(self.network, documents, self.device)
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


def segments_of(request: ExtractRequest) -> list[TextSegment]:
    """The lines of a request, with their quads as arrays."""
    return [
        TextSegment(np.array(line.quad, np.float32), line.text, line.page, line.confidence) for line in request.lines
    ]

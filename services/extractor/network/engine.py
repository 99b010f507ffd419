"""What runs the character LSTM below the predictor, and which library does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from services.extractor.encoding import Document
from shared.arrays import Floats


class Engine(Protocol):
    """What runs the network: documents, none of them empty, to one (T, outputs) array of probabilities each."""

    @property
    def outputs(self) -> int:
        """Numbers per character: one for each class, and one for the start of an item if the network tells it."""
        ...

    def __call__(self, documents: Sequence[Document]) -> list[Floats]:
        """Run one batch."""


def probabilities(engine: Engine, documents: Sequence[Document]) -> list[Floats]:
    """The probability of each class for each character: one (T, outputs) array per document, T may be 0."""
    filled = [document for document in documents if len(document.text)]
    found = iter(engine(filled) if filled else [])
    empty = np.zeros((0, engine.outputs), np.float32)
    return [next(found) if len(document.text) else empty for document in documents]

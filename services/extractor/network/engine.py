"""Interface between the predictor and the library that runs the character LSTM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from services.extractor.encoding import Document
from shared.arrays import Floats


class Engine(Protocol):
    """Runs the network."""

    @property
    def outputs(self) -> int:
        """Number of outputs per character: the classes, and the start of an item if the network has that output."""
        ...

    def __call__(self, documents: Sequence[Document]) -> list[Floats]:
        """Run documents, none of them empty.

        Returns:
            `(T, outputs)` probabilities per document.
        """


def compute_probabilities(engine: Engine, documents: Sequence[Document]) -> list[Floats]:
    """Run documents that may be empty.

    Returns:
        `(T, outputs)` probabilities per document, in order; T may be 0.
    """
    filled = [document for document in documents if len(document.text)]
    results = iter(engine(filled) if filled else [])
    empty = np.zeros((0, engine.outputs), np.float32)
    return [next(results) if len(document.text) else empty for document in documents]

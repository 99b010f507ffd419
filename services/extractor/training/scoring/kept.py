"""Probabilities of characters kept between fits, since running a network takes most of the time. Training only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from services.extractor.encoding import Document
from services.extractor.network.engine import Engine, compute_probabilities
from shared.arrays import Floats


class KeptProbabilities:
    """Probabilities of one network by document.

    Args:
        path: File to keep them in (`.npz`, half precision), or None to keep nothing.
        network: Identifies the network; what another one computed does not count.
    """

    def __init__(self, path: Path | None, network: str) -> None:
        self._path = path
        self._network = network
        self._known: dict[str, np.ndarray] = {}
        self._has_new = False
        if path is not None and path.exists():
            with np.load(path, allow_pickle=False) as file:
                self._known = {name: file[name] for name in file.files if name.startswith(network)}

    def compute(self, engine: Engine, documents: Sequence[Document]) -> list[Floats]:
        """Return (T, outputs) probabilities for the characters of each document."""
        keys = [self._key(document) for document in documents]
        missing = {key: document for key, document in zip(keys, documents, strict=True) if key not in self._known}
        self._has_new |= bool(missing)
        for key, document in missing.items():
            self._known[key] = compute_probabilities(engine, [document])[0].astype(np.float16)
        return [self._known[key].astype(np.float32) for key in keys]

    def save(self) -> None:
        """Write what is kept, if there is anything new."""
        if self._path is None or not self._has_new:
            return
        # Another fit may read the file at this moment.
        part = self._path.with_suffix(".part.npz")
        np.savez(part, allow_pickle=False, **self._known)
        part.replace(self._path)

    def _key(self, document: Document) -> str:
        content = hashlib.sha256(document.codes.tobytes())
        content.update(document.features.tobytes())
        content.update(document.segment.tobytes())
        return f"{self._network}-{content.hexdigest()[:24]}"

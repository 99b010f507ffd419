"""A small extractor with random or fixed weights, and requests for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from services.extractor.encoding import ALPHABET
from services.extractor.network.architecture import Architecture
from services.extractor.network.loading import NAME
from services.extractor.network.network import CharacterLSTM
from services.extractor.scoring import Scoring
from services.extractor.settings import ExtractorSettings
from shared.contracts import ExtractRequest
from shared.inference.device import arrays_of
from shared.inference.weights import save_weights
from shared.learning.dataset import write_receipt, write_split
from shared.learning.labels import LabeledSegment

PAGE = {"width": 400, "height": 300}


def save_small_weights(folder: Path, *, alphabet: str = ALPHABET, only_class: int | None = None) -> Path:
    """Save weights of a small network; with `only_class`, it assigns that class to every character."""
    torch.manual_seed(0)
    network = CharacterLSTM(Architecture(embedding=4, channels=6, hidden=5))
    if only_class is not None:
        torch.nn.init.zeros_(network.classifier.weight)
        network.classifier.bias.data = torch.nn.functional.one_hot(torch.tensor(only_class), 5).float() * 9
    architecture = {"network": network.architecture.to_dict(), "scoring": Scoring().model_dump(mode="json")}
    state = arrays_of(network.state_dict())
    save_weights(folder, state, name=NAME, architecture=architecture, alphabet=alphabet, training={}, measures={})
    return folder


def build_settings(folder: Path, **options: Any) -> ExtractorSettings:
    """Build settings for weights in a folder."""
    return ExtractorSettings(weights=folder, device="cpu", threads=1, max_characters=200, **options)


def build_line(text: str, y: float = 0.0, page: int = 0) -> dict[str, Any]:
    """Build a line of a request."""
    return {"quad": [[0, y], [200, y], [200, y + 20], [0, y + 20]], "text": text, "confidence": 0.9, "page": page}


def build_request(*texts: str) -> ExtractRequest:
    """Build a request with one line per text."""
    lines = [build_line(text, 40.0 * index) for index, text in enumerate(texts)]
    return ExtractRequest.model_validate({"pages": [PAGE], "lines": lines})


def write_data_set(root: Path) -> Path:
    """Write eight receipts with all fields, two of them in the validation split."""
    rows = ["ZYX TRADING", "1 JALAN BESAR", "25/12/2018", "TOTAL 9.00"]
    names = dict(zip(("company", "address", "date", "total"), ["ZYX TRADING", rows[1], rows[2], "9.00"], strict=True))
    quads = [np.array(build_line("", 40.0 * i)["quad"], np.float32) for i in range(4)]
    segments = [LabeledSegment(quad, text) for quad, text in zip(quads, rows, strict=True)]
    for key in "abcdefgh":
        write_receipt(root, key, np.full((40, 40, 3), 255, np.uint8), segments, names)
    write_split(root, {"train": list("abcdef"), "validation": ["g", "h"], "validation_unseen_company": ["h"]})
    return root

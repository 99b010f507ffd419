"""A tiny CRNN with random weights on disk."""

from __future__ import annotations

from pathlib import Path

import torch

from services.recognizer.alphabet import Alphabet
from services.recognizer.network.architecture import Architecture
from services.recognizer.network.loading import NAME
from services.recognizer.network.network import CRNN
from shared.inference.device import arrays_of
from shared.inference.weights import save_weights

ALPHABET = Alphabet("AaBb 1")
ARCHITECTURE = Architecture(classes=7, channels=(2, 2, 3, 3, 4, 4, 5), hidden=4, layers=1, width_stretch=1.0)


def write_weights(folder: Path) -> Path:
    """Write the weights and return their folder."""
    torch.manual_seed(0)
    save_weights(
        folder,
        arrays_of(CRNN(ARCHITECTURE).state_dict()),
        name=NAME,
        architecture=ARCHITECTURE.to_dict(),
        alphabet=ALPHABET.characters,
        training={},
        measures={},
    )
    return folder

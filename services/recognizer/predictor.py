"""The recognizer without HTTP: crops in, texts out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from services.recognizer.alphabet import Alphabet
from services.recognizer.crops import bucket, fit, fitted_width, to_grey
from services.recognizer.decoding import Recognition, decode
from services.recognizer.language.model import WEIGHTS as LANGUAGE_WEIGHTS
from services.recognizer.language.model import LanguageModel
from services.recognizer.network import CRNN, FRAME_STRIDE, Architecture, fuse_batch_norm
from services.recognizer.settings import RecognizerSettings
from shared.device import inference_dtype, select_device, set_threads, share_memory_arena
from shared.weights import WeightsError, load_into, load_weights

NAME = "crnn"

_TALL = 2.0
"""A crop this much higher than wide may hold text that lies on its side."""
_LEAST_TURNED_TEXT = 3
_TURNED_MARGIN = 0.15
_CONFIDENCE_OF_NOTHING = 0.35
"""What a tall crop that says nothing upright counts for: text on its side is often taken for no text at all."""


class Engine(Protocol):
    """What runs the network: `(N, 1, H, W)` float32 pictures to `(N, T, classes)` float32 logits."""

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run one batch."""


class TorchEngine:
    """Runs the network with torch, in bfloat16 where the hardware multiplies it.

    Args:
        network: is changed: batch norms are folded into the convolutions, and it moves to the device.
        device: where to run.
    """

    def __init__(self, network: CRNN, device: torch.device) -> None:
        self._dtype = inference_dtype(device)
        self._device = device
        self._network: nn.Module = fuse_batch_norm(network.eval()).to(device, self._dtype)

    @torch.inference_mode()
    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run one batch."""
        batch = torch.from_numpy(images).to(self._device, self._dtype)
        logits: NDArray[np.float32] = self._network(batch).float().cpu().numpy()
        return logits


class Predictor:
    """Pre-processing, network and post-processing of the recognizer. Not thread-safe: call it from one thread.

    Args:
        engine: runs the network.
        architecture: of the network, for the size of its input.
        alphabet: the characters of its classes.
        version: of the weights.
        max_batch: most crops in a batch.
        max_width: widest input in pixels.
        language: helps where the network is not sure; None for none.
    """

    def __init__(
        self,
        engine: Engine,
        architecture: Architecture,
        alphabet: Alphabet,
        *,
        version: str,
        max_batch: int = 32,
        max_width: int = 2048,
        language: LanguageModel | None = None,
    ) -> None:
        self._engine = engine
        self._height = architecture.height
        self._stretch = architecture.width_stretch
        self._levelled = architecture.levelled
        self._alphabet = alphabet
        self._max_batch = max_batch
        self._max_width = max_width
        self._language = language
        self.version = version

    @classmethod
    def load(cls, settings: RecognizerSettings | None = None) -> Predictor:
        """Load the weights.

        Raises:
            WeightsError: if they are missing, damaged or do not fit this code.
        """
        settings = settings or RecognizerSettings()
        set_threads(settings.threads)
        share_memory_arena()
        network, alphabet, version = load_network(settings.weights)
        language = None
        if settings.language == "auto":  # other answers, so another version: caches must not mix them
            language = LanguageModel.load(LANGUAGE_WEIGHTS, alphabet)
            version = f"{version}+{language.version}"
        return cls(
            TorchEngine(network, select_device(settings.device)),
            network.architecture,
            alphabet,
            version=version,
            max_batch=settings.max_batch,
            max_width=settings.max_crop_width,
            language=language,
        )

    def width_of(self, crop: NDArray[np.uint8]) -> int:
        """Columns of the bucket that a crop is computed in; crops of one bucket share batches. 0 for an empty crop."""
        return bucket(self._columns(crop)) if crop.size else 0

    def recognize(self, crops: Sequence[NDArray[np.uint8]]) -> list[Recognition]:
        """Read text segments.

        What is read of a crop does not depend on the crops beside it: it is padded to its bucket and no further.

        Args:
            crops: `(h, w)` grey or `(h, w, 3)` BGR uint8, one line of text each, of any size.

        Returns:
            A text and a confidence for each, in order. An empty crop has an empty text of confidence 0.
        """
        grey = [to_grey(crop) if crop.size else crop for crop in crops]
        results = self._read(grey)
        tall = [i for i, crop in enumerate(grey) if crop.size and crop.shape[0] >= _TALL * crop.shape[1]]
        if tall:
            for turn in (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE):
                turned = self._read([np.asarray(cv2.rotate(grey[i], turn), dtype=np.uint8) for i in tall])
                for index, candidate in zip(tall, turned, strict=True):
                    results[index] = better_of(results[index], candidate)
        return results

    def warm_up(self) -> None:
        """Run the network once, so that the first request does not pay for its set-up."""
        self._engine(np.zeros((1, 1, self._height, 128), np.float32))

    def _columns(self, crop: NDArray[np.uint8]) -> int:
        return fitted_width(
            crop.shape, height=self._height, stretch=self._stretch, max_width=self._max_width, stride=FRAME_STRIDE
        )

    def _read(self, crops: Sequence[NDArray[np.uint8]]) -> list[Recognition]:
        results = [Recognition("", 0.0)] * len(crops)
        buckets: dict[int, list[int]] = defaultdict(list)
        for index, crop in enumerate(crops):
            if crop.size:
                buckets[self.width_of(crop)].append(index)
        for width in sorted(buckets):
            indices = buckets[width]
            for start in range(0, len(indices), self._max_batch):
                chosen = indices[start : start + self._max_batch]
                columns = [self._columns(crops[i]) for i in chosen]
                pictures = [
                    fit(crops[i], height=self._height, width=w, levelled=self._levelled)
                    for i, w in zip(chosen, columns, strict=True)
                ]
                logits = self._engine(np.stack(pictures)[:, None])
                for row, index in enumerate(chosen):
                    results[index] = decode(logits[row, : columns[row] // FRAME_STRIDE], self._alphabet, self._language)
        return results


def better_of(upright: Recognition, turned: Recognition) -> Recognition:
    """The reading of a tall crop: as it stands, unless turned on its side it clearly says a longer text.

    Narrow characters such as `1`, `I` and `:` are tall too, and must not become dashes.
    """
    longer = len(turned.text) >= max(_LEAST_TURNED_TEXT, len(upright.text))
    standing = upright.confidence if upright.text else _CONFIDENCE_OF_NOTHING
    return turned if longer and turned.confidence > standing + _TURNED_MARGIN else upright


def load_network(folder: Path) -> tuple[CRNN, Alphabet, str]:
    """Build the network from its weights; returns it with its alphabet and the weights' version.

    Raises:
        WeightsError: if the weights are missing, damaged or do not fit this code.
    """
    manifest, tensors = load_weights(folder, name=NAME)
    try:
        architecture = Architecture.from_dict(manifest.architecture)
        alphabet = Alphabet(manifest.alphabet or "")
    except (TypeError, ValueError, KeyError) as error:
        raise WeightsError(f"The manifest in {folder} does not describe a network known here: {error}") from error
    if alphabet.classes != architecture.classes:
        raise WeightsError(
            f"The manifest in {folder} contradicts itself: {alphabet.classes} classes in the alphabet, "
            f"{architecture.classes} in the network."
        )
    network = CRNN(architecture)
    load_into(network, tensors)
    return network, alphabet, manifest.version

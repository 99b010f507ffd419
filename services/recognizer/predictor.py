"""The recognizer without HTTP: crops in, texts out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from services.recognizer.alphabet import Alphabet
from services.recognizer.crops import choose_bucket, fit_crop, fit_width
from services.recognizer.decoding import Recognition, decode_segments
from services.recognizer.gaps import move_to_ink
from services.recognizer.language.model import WEIGHTS as LANGUAGE_WEIGHTS
from services.recognizer.language.model import LanguageModel
from services.recognizer.network.architecture import FRAME_STRIDE, Architecture
from services.recognizer.network.engine import Batch, Engine
from services.recognizer.network.loading import load_engine, read_weights
from services.recognizer.second_look import DOUBTFUL_CONFIDENCE, stretch_crop, vote
from services.recognizer.settings import RecognizerSettings
from shared.arrays import Floats, Pixels
from shared.inference.engines import describe_arithmetic
from shared.inference.processor import share_memory_arena
from shared.pictures.gray import to_gray

# A crop at least this many times higher than wide may hold text that is turned on its side.
_MIN_TALL_RATIO = 2.0
# A turned reading replaces an upright one only if it has this many characters and this much more confidence.
_MIN_TURNED_CHARACTERS = 3
_MIN_TURNED_GAIN = 0.15
# Confidence assumed for an upright reading without text, because text on its side often reads as no text.
_EMPTY_CONFIDENCE = 0.35
_WARM_UP_COLUMNS = 128


class Predictor:
    """Pre-processing, network and post-processing of the recognizer. Call it from one thread.

    Args:
        engine: Runs the network.
        architecture: Shape of the network, for the size of its input.
        alphabet: Characters of the network's classes.
        version: Version of the weights and of the settings that change answers.
        max_batch: Maximum number of crops per batch.
        max_width: Maximum width of the input in pixels.
        language: Helps where the network is uncertain; None for no language model.
        second_look: Whether uncertain crops are read again, see `services.recognizer.second_look`.
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
        second_look: bool = False,
    ) -> None:
        self._engine = engine
        self._height = architecture.height
        self._stretch = architecture.width_stretch
        self._leveled = architecture.leveled
        self._alphabet = alphabet
        self._max_batch = max_batch
        self._max_width = max_width
        self._language = language
        self._second_look = second_look
        self.version = version

    @classmethod
    def load(cls, settings: RecognizerSettings | None = None) -> Predictor:
        """Load the weights.

        Args:
            settings: Read from the environment by default.

        Raises:
            WeightsError: If weights are missing, damaged or not for this version.
            EngineError: If the requested library is not installed.
            DeviceError: If the device is unknown or missing.
        """
        settings = settings or RecognizerSettings.from_environment()
        share_memory_arena()
        weights = read_weights(settings.weights)
        # Everything that changes answers is part of the version, so that caches do not mix them.
        version, language = weights.version, None
        if settings.language == "auto":
            language = LanguageModel.load(LANGUAGE_WEIGHTS, weights.alphabet)
            version += f"+{language.version}"
        if settings.second_look == "on":
            version += "+look"
        is_quantized = weights.ceilings is not None
        version += f"+{describe_arithmetic(settings.engine, settings.device, settings.precision, is_quantized)}"
        return cls(
            load_engine(weights, settings),
            weights.architecture,
            weights.alphabet,
            version=version,
            max_width=settings.max_crop_width,
            language=language,
            second_look=settings.second_look == "on",
        )

    def warm_up(self) -> None:
        """Run the network once, so that the first request does not pay for its setup."""
        pictures = np.zeros((1, 1, self._height, _WARM_UP_COLUMNS), np.float32)
        list(self._engine([Batch(pictures, [_WARM_UP_COLUMNS // FRAME_STRIDE])]))

    def recognize(self, crops: Sequence[Pixels]) -> list[Recognition]:
        """Read text segments.

        The reading of a crop does not depend on other crops, because its padding depends on its own width only.

        Args:
            crops: `(h, w)` gray or `(h, w, 3)` BGR, one line of text each, of any size.

        Returns:
            A text and a confidence per crop, in order. An empty crop has an empty text of confidence 0.
        """
        gray = [to_gray(crop) if crop.size else crop for crop in crops]
        results = self._read(gray)
        self._read_turned(gray, results)
        if self._second_look:
            self._read_again(gray, results)
        for index, (crop, result) in enumerate(zip(gray, results, strict=True)):
            if result.gaps:
                results[index] = replace(result, gaps=move_to_ink(crop, result.gaps))
        return results

    def prepare_batches(self, crops: Sequence[Pixels]) -> Iterator[Batch]:
        """Yield the network's input for gray crops; empty crops are left out."""
        columns = [self._count_columns(crop) for crop in crops]
        return self._build_batches(crops, columns, self._plan_batches(columns))

    def _read_turned(self, crops: list[Pixels], results: list[Recognition]) -> None:
        """Also read tall crops turned on either side; replace crop and result where that reads better."""
        tall = [i for i, crop in enumerate(crops) if crop.size and crop.shape[0] >= _MIN_TALL_RATIO * crop.shape[1]]
        upright = [crops[i] for i in tall]
        for turn in (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE) if tall else ():
            turned = [np.asarray(cv2.rotate(crop, turn), dtype=np.uint8) for crop in upright]
            for index, crop, candidate in zip(tall, turned, self._read(turned), strict=True):
                if choose_reading(results[index], candidate) is candidate:
                    # Its gaps do not lie along the width of the quad.
                    crops[index], results[index] = crop, replace(candidate, gaps=())

    def _read_again(self, crops: Sequence[Pixels], results: list[Recognition]) -> None:
        """Replace uncertain results by what several readings of their crops agree on."""
        doubtful = [i for i, one in enumerate(results) if one.text and one.confidence < DOUBTFUL_CONFIDENCE]
        stretched = [(i, crop) for i in doubtful for crop in stretch_crop(crops[i])]
        readings = {i: [results[i]] for i in doubtful}
        for (index, _), reading in zip(stretched, self._read([crop for _, crop in stretched]), strict=True):
            readings[index].append(reading)
        for index, candidates in readings.items():
            results[index] = vote(candidates)

    def _read(self, crops: Sequence[Pixels]) -> list[Recognition]:
        results = [Recognition("", 0.0)] * len(crops)
        columns = [self._count_columns(crop) for crop in crops]
        plan = self._plan_batches(columns)
        batches = self._build_batches(crops, columns, plan)
        for indices, logits in zip(plan, self._engine(batches), strict=True):
            lengths = [columns[index] // FRAME_STRIDE for index in indices]
            decoded = decode_segments(logits, lengths, self._alphabet, self._language)
            for index, recognition in zip(indices, decoded, strict=True):
                results[index] = recognition
        return results

    def _count_columns(self, crop: Pixels) -> int:
        """Return the width of a crop at the network's height; 0 for an empty crop."""
        if not crop.size:
            return 0
        return fit_width(
            crop.shape, height=self._height, stretch=self._stretch, max_width=self._max_width, stride=FRAME_STRIDE
        )

    def _plan_batches(self, columns: Sequence[int]) -> list[list[int]]:
        """Divide crops into batches of one bucket each.

        Args:
            columns: Width of each crop; those of width 0 are left out.

        Returns:
            For each batch, the indices of its crops. The widest come first: where batches are computed in parallel, the
            last ones should be short.
        """
        buckets: dict[int, list[int]] = defaultdict(list)
        for index, width in enumerate(columns):
            if width:
                buckets[choose_bucket(width)].append(index)
        return [
            buckets[width][start : start + self._max_batch]
            for width in sorted(buckets, reverse=True)
            for start in range(0, len(buckets[width]), self._max_batch)
        ]

    def _build_batches(
        self, crops: Sequence[Pixels], columns: Sequence[int], plan: Sequence[Sequence[int]]
    ) -> Iterator[Batch]:
        for indices in plan:
            pictures = self._fit_crops([(crops[i], columns[i]) for i in indices])
            yield Batch(pictures, [columns[i] // FRAME_STRIDE for i in indices])

    def _fit_crops(self, crops: Sequence[tuple[Pixels, int]]) -> Floats:
        """Return the network's input for crops of one bucket, given with their widths."""
        fitted = [fit_crop(crop, height=self._height, width=width, leveled=self._leveled) for crop, width in crops]
        return np.stack(fitted)[:, None]


def choose_reading(upright: Recognition, turned: Recognition) -> Recognition:
    """Choose the reading of a tall crop: the upright one, unless the turned one is clearly longer and more certain.

    Narrow characters such as `1`, `I` and `:` are tall too and must not become dashes.
    """
    is_longer = len(turned.text) >= max(_MIN_TURNED_CHARACTERS, len(upright.text))
    confidence = upright.confidence if upright.text else _EMPTY_CONFIDENCE
    return turned if is_longer and turned.confidence > confidence + _MIN_TURNED_GAIN else upright

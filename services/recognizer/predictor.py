"""The recognizer without HTTP: crops in, texts out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from services.recognizer.alphabet import Alphabet
from services.recognizer.crops import choose_bucket, fit_crop, fit_width
from services.recognizer.decoding import Recognition, decode_segments
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

_TALL = 2.0
"""A crop this much higher than wide may hold text that lies on its side."""
_LEAST_TURNED_TEXT = 3
_TURNED_MARGIN = 0.15
_CONFIDENCE_OF_NOTHING = 0.35
"""What a tall crop that says nothing upright counts for: text on its side is often taken for no text at all."""


class Predictor:
    """Pre-processing, network and post-processing of the recognizer. Not thread-safe: call it from one thread.

    Args:
        engine: runs the network.
        architecture: of the network, for the size of its input.
        alphabet: the characters of its classes.
        version: of the weights, and what they are computed with.
        max_batch: most crops computed as one batch.
        max_width: widest input in pixels.
        language: helps where the network is not sure; None for none.
        second_look: whether doubtful crops are read again (see `services.recognizer.second_look`).
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

        Raises:
            WeightsError: if they are missing, damaged or do not fit this code.
            EngineError: if the library that is to run the network is not there.
        """
        settings = settings or RecognizerSettings()
        share_memory_arena()
        weights = read_weights(settings.weights)
        version, language = weights.version, None
        if settings.language == "auto":  # other answers, so another version: caches must not mix them
            language = LanguageModel.load(LANGUAGE_WEIGHTS, weights.alphabet)
            version = f"{version}+{language.version}"
        if settings.second_look == "on":
            version += "+look"
        quantized = weights.ceilings is not None
        version += f"+{describe_arithmetic(settings.engine, settings.device, settings.precision, quantized)}"
        return cls(
            load_engine(weights, settings),
            weights.architecture,
            weights.alphabet,
            version=version,
            max_width=settings.max_crop_width,
            language=language,
            second_look=settings.second_look == "on",
        )

    def recognize(self, crops: Sequence[Pixels]) -> list[Recognition]:
        """Read text segments.

        What is read of a crop does not depend on the crops beside it: its padding is that of its own width.

        Args:
            crops: `(h, w)` gray or `(h, w, 3)` BGR uint8, one line of text each, of any size.

        Returns:
            A text and a confidence for each, in order. An empty crop has an empty text of confidence 0.
        """
        gray = [to_gray(crop) if crop.size else crop for crop in crops]
        results = self._read(gray)
        self._turn(gray, results)
        if self._second_look:
            self._look_again(gray, results)
        return results

    def _turn(self, crops: list[Pixels], results: list[Recognition]) -> None:
        """Read tall crops turned on their side, too; where that says more, crop and result are exchanged for it."""
        tall = [i for i, crop in enumerate(crops) if crop.size and crop.shape[0] >= _TALL * crop.shape[1]]
        standing = [crops[i] for i in tall]
        for turn in (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE) if tall else ():
            turned = [np.asarray(cv2.rotate(crop, turn), dtype=np.uint8) for crop in standing]
            for index, crop, candidate in zip(tall, turned, self._read(turned), strict=True):
                if better_of(results[index], candidate) is candidate:
                    crops[index], results[index] = crop, candidate

    def _look_again(self, crops: Sequence[Pixels], results: list[Recognition]) -> None:
        """Exchange doubtful results for what several looks at their crops agree on."""
        doubtful = [i for i, one in enumerate(results) if one.text and one.confidence < DOUBTFUL_CONFIDENCE]
        again = [(i, look) for i in doubtful for look in stretch_crop(crops[i])]
        readings = {i: [results[i]] for i in doubtful}
        for (index, _), reading in zip(again, self._read([look for _, look in again]), strict=True):
            readings[index].append(reading)
        for index, several in readings.items():
            results[index] = vote(several)

    def warm_up(self) -> None:
        """Run the network once, so that the first request does not pay for its set-up."""
        pictures = np.zeros((1, 1, self._height, 128), np.float32)
        for _ in self._engine([Batch(pictures, [128 // FRAME_STRIDE])]):
            pass

    def _columns(self, crop: Pixels) -> int:
        return fit_width(
            crop.shape, height=self._height, stretch=self._stretch, max_width=self._max_width, stride=FRAME_STRIDE
        )

    def _read(self, crops: Sequence[Pixels]) -> list[Recognition]:
        results = [Recognition("", 0.0)] * len(crops)
        columns = [self._columns(crop) if crop.size else 0 for crop in crops]
        batches = self._batches(columns)
        inputs = self._inputs(crops, columns, batches)
        for batch, logits in zip(batches, self._engine(inputs), strict=True):
            lengths = [columns[index] // FRAME_STRIDE for index in batch]
            decoded = decode_segments(logits, lengths, self._alphabet, self._language)
            for index, recognition in zip(batch, decoded, strict=True):
                results[index] = recognition
        return results

    def inputs(self, crops: Sequence[Pixels]) -> Iterator[Batch]:
        """What the network is given of gray crops, empty ones left out."""
        columns = [self._columns(crop) if crop.size else 0 for crop in crops]
        return self._inputs(crops, columns, self._batches(columns))

    def _inputs(
        self, crops: Sequence[Pixels], columns: Sequence[int], batches: Sequence[Sequence[int]]
    ) -> Iterator[Batch]:
        for batch in batches:
            pictures = self._pictures([(crops[i], columns[i]) for i in batch])
            yield Batch(pictures, [columns[i] // FRAME_STRIDE for i in batch])

    def _batches(self, columns: Sequence[int]) -> list[list[int]]:
        """The places of crops of so many columns in batches of one bucket each; those of no column are left out.

        The widest come first: where batches are computed side by side, the last ones should be short.
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

    def _pictures(self, crops: Sequence[tuple[Pixels, int]]) -> Floats:
        """The network's input for crops of one bucket and the columns of each."""
        fitted = [fit_crop(crop, height=self._height, width=width, leveled=self._leveled) for crop, width in crops]
        return np.stack(fitted)[:, None]


def better_of(upright: Recognition, turned: Recognition) -> Recognition:
    """The reading of a tall crop: as it stands, unless turned on its side it clearly says a longer text.

    Narrow characters such as `1`, `I` and `:` are tall too, and must not become dashes.
    """
    longer = len(turned.text) >= max(_LEAST_TURNED_TEXT, len(upright.text))
    standing = upright.confidence if upright.text else _CONFIDENCE_OF_NOTHING
    return turned if longer and turned.confidence > standing + _TURNED_MARGIN else upright

"""Cut labeled segments with a margin once, and jitter and wear them again at every pass."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from services.recognizer.alphabet import Alphabet
from services.recognizer.crops import level_shades, scale_shades
from services.recognizer.network.architecture import FRAME_STRIDE, Architecture
from services.recognizer.training.augmentation import cut_jittered, wear_cut
from shared.arrays import Flags, Floats, Integers, Pixels
from shared.geometry import quad_size
from shared.learning.labels import LabeledReceipt, LabeledSegment
from shared.pictures.gray import to_gray

# Height (px) of a stored segment without margins; slightly above the 32 of the network.
STORED_HEIGHT = 40
# Stored surroundings (px) on each side of a segment: a quarter of its height.
MARGIN = 10

# Plausible widths of a character as a share of the height of the segment; labels outside are wrong.
_WIDTH_PER_CHARACTER = (0.2, 1.4)
# Maximum width over height of a segment.
_MAX_ASPECT = 36.0


@dataclass(frozen=True)
class Sample:
    """One segment with its surroundings.

    Attributes:
        pixels: `(STORED_HEIGHT + 2 MARGIN, width + 2 MARGIN)` gray uint8.
        text: Text of the segment.
        classes: CTC classes of the text.
        cased: False if the label is in capitals whatever the print is.
        receipt: Key of the receipt.
        spaced: False if the label omits the printed spaces.
    """

    pixels: Pixels
    text: str
    classes: Integers
    cased: bool
    receipt: str
    spaced: bool = True

    @property
    def aspect(self) -> float:
        """Width over height of the segment without its margin."""
        return float((self.pixels.shape[1] - 2 * MARGIN) / STORED_HEIGHT)


def clean_text(text: str, alphabet: Alphabet) -> str:
    """Return a label as the network should read it: plain characters, single spaces."""
    return re.sub(r"\s+", " ", alphabet.normalize(text)).strip()


def is_plausible(text: str, width: float, height: float) -> bool:
    """Return whether a label fits the size of its box (px); 0.1% of those of SROIE do not."""
    if not text or width < 3 or height < 6 or width / height > _MAX_ASPECT:
        return False
    low, high = _WIDTH_PER_CHARACTER
    per_character = width / height / len(text)
    # The margin of the box is the largest share of short texts.
    if len(text) <= 2:
        high *= 2
    return low <= per_character <= high


def cut_with_margin(gray: Pixels, quad: Floats) -> Pixels:
    """Rectify one segment to `STORED_HEIGHT` with `MARGIN` pixels of surroundings on each side.

    Args:
        gray: `(H, W)` uint8.
        quad: `(4, 2)` in pixels, clockwise from the top left.
    """
    across, down = quad_size(quad)
    scale = STORED_HEIGHT / max(1.0, down)
    width = max(4, round(across * scale))
    near, far_x, far_y = MARGIN, MARGIN + width, MARGIN + STORED_HEIGHT
    target = np.array([[near, near], [far_x, near], [far_x, far_y], [near, far_y]], np.float32)
    # Pixel centers are at whole numbers in OpenCV, and at halves in the labels.
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32) - 0.5, target - 0.5)
    size = (width + 2 * MARGIN, STORED_HEIGHT + 2 * MARGIN)
    cut = cv2.warpPerspective(gray, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cut.astype(np.uint8, copy=False)


def load_samples(receipts: Sequence[LabeledReceipt], alphabet: Alphabet, *, cased: bool) -> list[Sample]:
    """Cut every plausible segment of receipts.

    Args:
        receipts: Labeled receipts.
        alphabet: Labels with other characters are skipped.
        cased: Whether the labels distinguish capitals from lower case.
    """
    samples: list[Sample] = []
    for receipt in receipts:
        gray = to_gray(receipt.read_image())
        for segment in receipt.segments:
            sample = _build_sample(segment, gray, alphabet, cased=cased, receipt=receipt)
            if sample is not None:
                samples.append(sample)
    return samples


def _build_sample(
    segment: LabeledSegment, gray: Pixels, alphabet: Alphabet, *, cased: bool, receipt: LabeledReceipt
) -> Sample | None:
    text = clean_text(segment.text, alphabet)
    width, height = quad_size(segment.quad)
    if not is_plausible(text, width, height) or not alphabet.covers(text):
        return None
    cut = cut_with_margin(gray, segment.quad)
    return Sample(cut, text, alphabet.encode(text), cased, receipt.key, receipt.spaced)


@dataclass(frozen=True)
class TrainingBatch:
    """Segments padded to one width.

    Attributes:
        images: `(N, 1, 32, W)` float32, -1 to 1.
        frames: `(N,)` frames of each segment without padding.
        targets: Classes of all labels, concatenated.
        lengths: `(N,)` characters of each label.
        cased: `(N,)` bool; see `Sample`.
        spaced: `(N,)` bool; see `Sample`.
    """

    images: Floats
    frames: Integers
    targets: Integers
    lengths: Integers
    cased: Flags
    spaced: Flags


def count_needed_frames(classes: Integers) -> int:
    """Count the frames that CTC needs for a text: one per character, and a blank between equal neighbors."""
    return len(classes) + int(np.count_nonzero(classes[1:] == classes[:-1]))


def plan_batches(
    samples: Sequence[Sample], architecture: Architecture, *, columns: int, rng: np.random.Generator
) -> list[list[int]]:
    """Plan one pass over the samples in batches of similar widths and about equal numbers of columns.

    Args:
        samples: Segments.
        architecture: Input size of the network.
        columns: Maximum number of columns of a batch.
        rng: Random generator.

    Returns:
        Indices of the samples of each batch; the batches are in random order.
    """
    widths = (
        np.array([max(sample.aspect, 0.5) for sample in samples]) * architecture.height * architecture.width_stretch
    )
    # Noise in the sorting key gives samples other neighbors in every pass.
    order = np.argsort(widths * np.exp(rng.normal(0.0, 0.07, len(widths))))
    batches: list[list[int]] = []
    current: list[int] = []
    widest = 0.0
    for index in order:
        widest = max(widest, float(widths[index]))
        if current and widest * (len(current) + 1) > columns:
            batches.append(current)
            current, widest = [], float(widths[index])
        current.append(int(index))
    if current:
        batches.append(current)
    return [batches[i] for i in rng.permutation(len(batches))]


def build_batch(
    samples: Sequence[Sample], architecture: Architecture, *, rng: np.random.Generator | None
) -> TrainingBatch | None:
    """Build one batch. Samples whose label does not fit their jittered width are skipped.

    Args:
        samples: Segments.
        architecture: Input size and preparation of shades of the network.
        rng: Random generator of jitter and wear; None cuts the exact boxes, not worn.

    Returns:
        The batch, or None if no sample is left.
    """
    height, stretch = architecture.height, architecture.width_stretch
    images: list[Pixels] = []
    kept: list[Sample] = []
    near = None
    # Widths vary by the noise of the plan; drawing them together saves padding.
    if rng is not None:
        near = float(np.mean([sample.aspect for sample in samples])) * height * stretch * float(rng.uniform(0.92, 1.1))
    for sample in samples:
        image = cut_jittered(sample.pixels, MARGIN, height=height, stretch=stretch, rng=rng, near=near)
        if rng is not None and count_needed_frames(sample.classes) > image.shape[1] // FRAME_STRIDE:
            continue
        images.append(image if rng is None else wear_cut(image, rng))
        kept.append(sample)
    if not kept:
        return None
    widest = max(image.shape[1] for image in images)
    widest = -(-widest // 16) * 16
    # The predictor pads to its buckets.
    if rng is not None:
        widest += int(rng.choice((0, 0, 16, 32)))
    pixels = np.empty((len(kept), 1, height, widest), np.float32)
    for row, image in enumerate(images):
        shades = level_shades(image) if architecture.leveled else scale_shades(image)
        pixels[row, 0, :, : image.shape[1]] = shades
        # The predictor pads with the shade of the paper, too.
        pixels[row, 0, :, image.shape[1] :] = np.median(shades)
    return TrainingBatch(
        images=pixels,
        frames=np.array([image.shape[1] // FRAME_STRIDE for image in images], np.int64),
        targets=np.concatenate([sample.classes for sample in kept]),
        lengths=np.array([len(sample.classes) for sample in kept], np.int64),
        cased=np.array([sample.cased for sample in kept], np.bool_),
        spaced=np.array([sample.spaced for sample in kept], np.bool_),
    )

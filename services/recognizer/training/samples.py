"""Labeled segments for training: cut once with a margin, jittered and worn anew at every pass.

Never imported by code that serves requests.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognizer.alphabet import Alphabet
from services.recognizer.crops import level, plain
from services.recognizer.network.architecture import FRAME_STRIDE
from services.recognizer.training.augmentation import jittered_cut, wear
from shared.arrays import Flags, Floats, Pixels
from shared.geometry import quad_size
from shared.learning.labels import LabeledReceipt, LabeledSegment
from shared.pictures.gray import to_gray

STORED_HEIGHT = 40
"""Pixels of the height that a segment is stored with, before margins; a little above the network's 32."""
MARGIN = 10
"""Pixels of surrounding stored on each side of a segment: a quarter of its height."""

_WIDTH_PER_CHARACTER = (0.2, 1.4)
"""Plausible width of a character as a share of the segment's height; labels outside of it are wrong."""
_MAX_ASPECT = 36.0


@dataclass(frozen=True)
class Sample:
    """One segment with its surrounding.

    Attributes:
        pixels: `(STORED_HEIGHT + 2 MARGIN, width + 2 MARGIN)` gray uint8.
        text: what it says.
        classes: the text as CTC classes.
        cased: False if the label is in capitals whatever the print is.
        spaced: False if the label leaves out the spaces that are printed.
        receipt: key of the receipt it is from.
    """

    pixels: Pixels
    text: str
    classes: NDArray[np.int64]
    cased: bool
    receipt: str
    spaced: bool = True

    @property
    def aspect(self) -> float:
        """Width over height of the segment without its margin."""
        return float((self.pixels.shape[1] - 2 * MARGIN) / STORED_HEIGHT)


def clean_text(text: str, alphabet: Alphabet) -> str:
    """The label as the network is to say it: plain characters, single spaces."""
    return re.sub(r"\s+", " ", alphabet.normalize(text)).strip()


def is_plausible(text: str, width: float, height: float) -> bool:
    """Whether a label fits the size of its box (pixels); a tenth of a percent of SROIE's do not."""
    if not text or width < 3 or height < 6 or width / height > _MAX_ASPECT:
        return False
    low, high = _WIDTH_PER_CHARACTER
    per_character = width / height / len(text)
    if len(text) <= 2:  # the margin of the box weighs most in short ones
        high *= 2
    return low <= per_character <= high


def cut_with_margin(gray: Pixels, quad: Floats) -> Pixels:
    """Rectify one segment to `STORED_HEIGHT` with `MARGIN` pixels of its surrounding on each side.

    Args:
        gray: `(H, W)` uint8.
        quad: `(4, 2)` clockwise from the top left, pixels.
    """
    across, down = quad_size(quad)
    scale = STORED_HEIGHT / max(1.0, down)
    width = max(4, round(across * scale))
    near, far_x, far_y = MARGIN, MARGIN + width, MARGIN + STORED_HEIGHT
    target = np.array([[near, near], [far_x, near], [far_x, far_y], [near, far_y]], np.float32)
    # OpenCV puts pixel centers at whole numbers, the labels' coordinates put them at halves.
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32) - 0.5, target - 0.5)
    size = (width + 2 * MARGIN, STORED_HEIGHT + 2 * MARGIN)
    cut = cv2.warpPerspective(gray, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cut.astype(np.uint8, copy=False)


def load_samples(receipts: Sequence[LabeledReceipt], alphabet: Alphabet, *, cased: bool) -> list[Sample]:
    """Cut every plausible segment of the receipts.

    Args:
        receipts: labeled receipts; their pictures are read one after the other.
        alphabet: labels with other characters are left out.
        cased: whether the labels tell capitals from lower case.
    """
    samples: list[Sample] = []
    for receipt in receipts:
        gray = to_gray(receipt.read_image())
        for segment in receipt.segments:
            sample = _sample(segment, gray, alphabet, cased=cased, receipt=receipt)
            if sample is not None:
                samples.append(sample)
    return samples


def _sample(
    segment: LabeledSegment, gray: Pixels, alphabet: Alphabet, *, cased: bool, receipt: LabeledReceipt
) -> Sample | None:
    text = clean_text(segment.text, alphabet)
    width, height = quad_size(segment.quad)
    if not is_plausible(text, width, height) or not alphabet.covers(text):
        return None
    cut = cut_with_margin(gray, segment.quad)
    return Sample(cut, text, alphabet.encode(text), cased, receipt.key, receipt.spaced)


@dataclass(frozen=True)
class Batch:
    """Segments padded to one width.

    Attributes:
        images: `(N, 1, 32, W)` float32 in -1..1.
        frames: `(N,)` frames that belong to each segment, the padding left out.
        targets: classes of all labels, one after the other.
        lengths: `(N,)` characters of each label.
        cased: `(N,)` bool.
        spaced: `(N,)` bool.
    """

    images: Floats
    frames: NDArray[np.int64]
    targets: NDArray[np.int64]
    lengths: NDArray[np.int64]
    cased: Flags
    spaced: Flags


def frames_needed(classes: NDArray[np.int64]) -> int:
    """The least frames in which CTC can say a text: one each, and a blank between equal neighbors."""
    return len(classes) + int(np.count_nonzero(classes[1:] == classes[:-1]))


def plan_batches(
    samples: Sequence[Sample], *, columns: int, height: int, stretch: float, rng: np.random.Generator
) -> list[list[int]]:
    """One pass over the samples in batches of about equal numbers of columns, similar widths together.

    Returns:
        Indices of the samples of each batch; the batches in random order.
    """
    # Noise in the sorting key, so that the same neighbors do not meet at every pass.
    widths = np.array([max(sample.aspect, 0.5) for sample in samples]) * height * stretch
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


def make_batch(
    samples: Sequence[Sample], *, height: int, stretch: float, rng: np.random.Generator | None, leveled: bool = False
) -> Batch | None:
    """Draw one batch; samples whose label does not fit their jittered width are left out.

    Args:
        samples: the segments.
        height: pixels of the network's input height.
        stretch: how much wider than its aspect ratio a segment becomes.
        rng: for jitter and wear; None gives the exact label boxes, unworn.
        leveled: whether the shades of each are stretched from its ink to its paper.

    Returns:
        The batch, or None if nothing was left.
    """
    images: list[Pixels] = []
    kept: list[Sample] = []
    near = None
    if rng is not None:  # widths vary by the noise in the batch's planning, so that little padding is computed
        near = float(np.mean([sample.aspect for sample in samples])) * height * stretch * float(rng.uniform(0.92, 1.1))
    for sample in samples:
        image = jittered_cut(sample.pixels, MARGIN, height=height, stretch=stretch, rng=rng, near=near)
        if rng is not None and frames_needed(sample.classes) > image.shape[1] // FRAME_STRIDE:
            continue
        images.append(image if rng is None else wear(image, rng))
        kept.append(sample)
    if not kept:
        return None
    widest = max(image.shape[1] for image in images)
    widest = -(-widest // 16) * 16
    if rng is not None:  # the predictor pads to its buckets
        widest += int(rng.choice((0, 0, 16, 32)))
    pixels = np.empty((len(kept), 1, height, widest), np.float32)
    for row, image in enumerate(images):
        shades = level(image) if leveled else plain(image)
        pixels[row, 0, :, : image.shape[1]] = shades
        pixels[row, 0, :, image.shape[1] :] = np.median(shades)  # the paper's shade, as the predictor pads
    return Batch(
        images=pixels,
        frames=np.array([image.shape[1] // FRAME_STRIDE for image in images], np.int64),
        targets=np.concatenate([sample.classes for sample in kept]),
        lengths=np.array([len(sample.classes) for sample in kept], np.int64),
        cased=np.array([sample.cased for sample in kept], np.bool_),
        spaced=np.array([sample.spaced for sample in kept], np.bool_),
    )

"""Labeled receipts as the network learns from them: encoded, in batches of similar length. Training only."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.extractor.encoding import FEATURES, Document, TextSegment, encode
from services.extractor.features.wording import WORDING_FEATURES
from services.extractor.training.labeling.fields import IGNORED, NO_GROUPS, LabeledText
from services.extractor.training.labeling.receipts import Versions
from services.extractor.training.variations.augmentation import Augmenter

# Receipts are sorted by length within this many batches, so that little is padded and the order stays random.
_BUCKET = 6
# Share of the passes in which a receipt with readings comes as labeled.
_AS_LABELED = 0.5
# Receipts with a label that occurs on fewer receipts than this come several times per pass.
_RARE = 60
_MAX_REPEATS = 6
# Shares of the receipts without any wording features, and without each of them.
_WITHOUT_WORDING = 0.1
_WITHOUT_WORD = 0.08


@dataclass(frozen=True)
class Example:
    """An encoded receipt.

    Attributes:
        document: The receipt.
        labels: (T,) label of each character; see `services.extractor.training.labeling.targets`.
        starts: (T,) 1 in the first segment of an item, 0 in other segments, IGNORED where it is not known.
    """

    document: Document
    labels: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]


def encode_labeled(segments: Sequence[LabeledText]) -> Example:
    """Encode labeled segments; the separators within a value are of its class."""
    document = encode([TextSegment(one.quad, one.text, confidence=one.confidence) for one in segments])
    labels = np.zeros(len(document.text), np.int64)
    starts = np.full(len(document.text), IGNORED, np.int64)
    begun: set[int] = set()
    for place, index in enumerate(document.order):
        span = slice(document.start[place], document.start[place + 1] - 1)
        group = segments[index].group
        labels[span] = segments[index].labels
        if group != NO_GROUPS:
            starts[span] = int(group > 0 and group not in begun)
            begun.add(group)
    for end in document.start[1:-1] - 1:
        if labels[end - 1] == labels[end + 1]:
            labels[end] = labels[end - 1]
    return Example(document, labels, starts)


def batches(
    real: Sequence[Versions],
    synthetic: Sequence[Sequence[LabeledText]],
    synthetic_share: float,
    seed: int,
    size: int,
    *,
    world: Sequence[Sequence[LabeledText]] = (),
    world_share: float = 0.0,
) -> Iterator[list[Example]]:
    """Yield batches of augmented receipts, of similar length each, without end.

    In each pass a receipt comes once, as it is labeled or as it was read.

    Args:
        real: Labeled receipts and their readings.
        synthetic: Synthetic receipts, a sample of which joins each pass.
        synthetic_share: Their share of a pass, 0 to 1.
        seed: Of the order and the variations.
        size: Receipts per batch.
        world: Made-up receipts, a sample of which joins each pass.
        world_share: Their share of a pass, 0 to 1.
    """
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    augment = Augmenter.of([*(versions[0] for versions in real), *synthetic], seed)
    pile: list[Sequence[LabeledText]] = []
    while True:
        while len(pile) < size * _BUCKET:
            epoch = [_draw(versions, chance) for versions in real]
            scale = len(real) / (1.0 - synthetic_share * bool(synthetic) - world_share * bool(world))
            if synthetic:
                epoch += chance.choices(synthetic, k=round(scale * synthetic_share))
            if world:
                epoch += chance.choices(world, k=round(scale * world_share))
            chance.shuffle(epoch)
            pile += epoch
        chunk, pile = pile[: size * _BUCKET], pile[size * _BUCKET :]
        chunk.sort(key=lambda segments: sum(len(segment.text) + 1 for segment in segments))
        starts = list(range(0, len(chunk), size))
        chance.shuffle(starts)
        for start in starts:
            encoded = [encode_labeled(augment(segments)) for segments in chunk[start : start + size]]
            for example in encoded:
                _drop_wording(example.document, chance)
            yield [example for example in encoded if len(example.labels)]


def repeat_rare(receipts: Sequence[Versions]) -> list[Versions]:
    """Return the receipts, those with a rare label several times."""
    labels = [{int(number) for one in versions[0] for number in set(one.labels.tolist())} for versions in receipts]
    counts = Counter(number for found in labels for number in found)
    result: list[Versions] = []
    for versions, found in zip(receipts, labels, strict=True):
        rarest = min((counts[number] for number in found), default=_RARE)
        result += [versions] * min(max(round(_RARE / rarest), 1), _MAX_REPEATS)
    return result


def _drop_wording(document: Document, chance: random.Random) -> None:
    """Hide what the vocabulary knows of some words, so that the network also reads the words themselves."""
    hides_all = chance.random() < _WITHOUT_WORDING
    for name in WORDING_FEATURES:
        if hides_all or chance.random() < _WITHOUT_WORD:
            document.features[:, FEATURES.index(name)] = 0.0


def _draw(versions: Versions, chance: random.Random) -> Sequence[LabeledText]:
    if len(versions) == 1 or chance.random() < _AS_LABELED:
        return versions[0]
    return chance.choice(versions[1:])

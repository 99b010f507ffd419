"""Draw batches of crops and targets for training. The batch of a step depends on the seed and the step only."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from services.detector.anchors import build_targets
from services.detector.network.architecture import STRIDE
from services.detector.training.samples import CropSettings, LoadedReceipt, draw_crop

logger = logging.getLogger(__name__)

# Gray pixels `(N, H, W)`, then the fields of `services.detector.anchors.Targets` for N crops.
Batch = tuple[torch.Tensor, ...]


class BatchSource:
    """Draws batches from receipts.

    Args:
        receipts: Receipts of which each is drawn once before any is drawn again.
        further: Further receipts, and the share of crops cut from them.
        anchor_heights: Anchor heights in pixels.
        settings: How crops are drawn.
        batch: Crops per batch.
        seed: Seed of the batches.
    """

    def __init__(
        self,
        receipts: Sequence[LoadedReceipt],
        further: Sequence[tuple[float, Sequence[LoadedReceipt]]],
        *,
        anchor_heights: Sequence[float],
        settings: CropSettings,
        batch: int,
        seed: int,
    ) -> None:
        self._receipts = receipts
        self._further = further
        self._heights = anchor_heights
        self._settings = settings
        self._batch = batch
        self._seed = seed

    def draw_batch(self, step: int) -> Batch:
        """Draw the crops and targets of one step."""
        rng = np.random.default_rng((self._seed, step))
        receipts = [self._pick(step * self._batch + index, rng) for index in range(self._batch)]
        return self._build_batch(receipts, rng, self._settings)

    def build_validation(self, receipts: Sequence[LoadedReceipt]) -> list[Batch]:
        """Build batches of undamaged crops of held-out receipts, the same each time."""
        rng = np.random.default_rng(self._seed)
        settings = replace(self._settings, damage=0.0)
        starts = range(0, len(receipts), self._batch)
        return [self._build_batch(receipts[start : start + self._batch], rng, settings) for start in starts]

    def _pick(self, index: int, rng: np.random.Generator) -> LoadedReceipt:
        chance = rng.random()
        for share, receipts in self._further:
            if receipts and chance < share:
                return receipts[int(rng.integers(len(receipts)))]
            chance -= share
        epoch, position = divmod(index, len(self._receipts))
        order = np.random.default_rng((self._seed, 1, epoch)).permutation(len(self._receipts))
        return self._receipts[int(order[position])]

    def _build_batch(
        self, receipts: Sequence[LoadedReceipt], rng: np.random.Generator, settings: CropSettings
    ) -> Batch:
        rows, columns = settings.height // STRIDE, settings.width // STRIDE
        crops, targets = [], []
        for receipt in receipts:
            gray, quads, ignored = draw_crop(receipt, settings, rng)
            crops.append(gray)
            targets.append(build_targets(quads, rows, columns, self._heights, ignored))
        return tuple(torch.from_numpy(np.stack(part)) for part in (crops, *zip(*targets, strict=True)))

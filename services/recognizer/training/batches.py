"""Draw batches of segments for training, pass by pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.recognizer.network.architecture import Architecture
from services.recognizer.training.samples import Sample, TrainingBatch, build_batch, plan_batches
from shared.learning.training import TrainingRun

# Maximum length of texts in the first `short_steps` steps.
_SHORT_TEXT = 8
# Maximum number of extra occurrences of a hard segment in a pass.
_HARD_REPEATS = 2


@dataclass
class SampleSets:
    """Segments to train on.

    Attributes:
        real: Segments of labeled receipts; each of them is in every pass.
        hard: Real segments that the start weights misread.
        synthetic: Segments of synthetic receipts.
        left_out: Number of real segments whose labels the start weights contradict.
    """

    real: list[Sample]
    hard: list[Sample] = field(default_factory=list)
    synthetic: list[Sample] = field(default_factory=list)
    left_out: int = 0


class BatchSource:
    """Draws batches without end.

    Args:
        sets: Segments to train on.
        architecture: Input size and preparation of shades of the network.
        run: The training, for the number of steps done.
        columns: Columns of input per batch.
        short_steps: First steps with short texts only, in batches of half the size.
        synthetic_share: Share of synthetic segments in a pass, 0 to 1.
        hard_share: Share of repeated hard segments in a pass, 0 to 1.
        rng: Random generator.
    """

    def __init__(
        self,
        sets: SampleSets,
        architecture: Architecture,
        run: TrainingRun,
        *,
        columns: int,
        short_steps: int,
        synthetic_share: float,
        hard_share: float,
        rng: np.random.Generator,
    ) -> None:
        self._sets = sets
        self._architecture = architecture
        self._run = run
        self._columns = columns
        self._short_steps = short_steps
        self._synthetic_share = synthetic_share
        self._hard_share = hard_share
        self._rng = rng

    def __iter__(self) -> Iterator[TrainingBatch]:
        """Draw batches."""
        while True:
            samples, columns = self._draw_pass(), self._columns
            short = self._run.step < self._short_steps
            if short:
                samples = [sample for sample in samples if len(sample.text) <= _SHORT_TEXT]
                columns //= 2
            plan = plan_batches(samples, self._architecture, columns=columns, rng=self._rng)
            if short:
                plan = plan[: max(1, self._short_steps - self._run.step)]
            for indices in plan:
                batch = build_batch([samples[i] for i in indices], self._architecture, rng=self._rng)
                if batch is not None:
                    yield batch

    def _draw_pass(self) -> Sequence[Sample]:
        """Return all real segments, a new draw of synthetic ones, and repeated hard ones."""
        sets = self._sets
        synthetic_count = round(len(sets.real) * self._synthetic_share / (1.0 - self._synthetic_share))
        drawn = self._rng.permutation(len(sets.synthetic))[:synthetic_count]
        hard_count = round(len(sets.real) * self._hard_share / (1.0 - self._hard_share))
        repeats = self._rng.permutation(np.tile(np.arange(len(sets.hard)), _HARD_REPEATS))[:hard_count]
        return [*sets.real, *(sets.synthetic[i] for i in drawn), *(sets.hard[i] for i in repeats)]

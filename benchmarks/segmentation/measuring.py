"""Measure grouped lines: DetEval, whole segments, and how many lines were split and joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.segmentation.labeling import LabeledPage
from gateway.reading.segmentation.regrouping import cut_lines
from shared.arrays import Flags, Floats
from shared.measures.deteval import Localization, measure_receipt_deteval
from shared.measures.ignored import select_counted
from shared.measures.matches import Matches
from shared.measures.wild import compare_segments, stack_quads


def measure_pages(pages: Sequence[LabeledPage], decisions: Sequence[Flags | None]) -> dict[str, Any]:
    """Measure decisions `(B,)` about the boundaries of pages; None leaves a page as it is."""
    located, segments, splits, joins = Localization(), Matches(), 0, 0
    for page, parted in zip(pages, decisions, strict=True):
        quads, texts = page.quads, page.texts
        if parted is not None and page.words is not None and page.boundaries is not None:
            ends = np.ones(len(page.words.texts), bool)
            ends[page.boundaries.left] = parted
            quads, texts = cut_lines(quads, texts, page.words, ends)
            splits += int((parted & ~page.boundaries.between_lines).sum())
            joins += int((~parted & page.boundaries.between_lines).sum())
        labeled = page.receipt.labeled
        found = stack_quads(quads)
        kept = np.flatnonzero(select_counted(found, labeled.ignored, labeled.quads))
        read = [texts[index].text for index in kept]
        located += measure_receipt_deteval(labeled.quads, found[kept])
        segments += compare_segments(labeled.quads, [one.text for one in labeled.segments], found[kept], read)
    return {
        "deteval": round(located.hmean, 4),
        "segments": round(segments.to_dict()["f1"], 4),
        "splits": splits,
        "joins": joins,
    }


def decide(page: LabeledPage, logits: Floats | None, split: float, join: float) -> Flags | None:
    """Return which boundaries `(B,)` of a page part segments."""
    if page.boundaries is None or logits is None:
        return None
    return np.asarray(logits > np.where(page.boundaries.between_lines, join, split), bool)

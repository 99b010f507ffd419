"""The line items of a receipt, from the probabilities of its characters. numpy only.

Each segment is cut into runs of words of one class. The runs that belong to items are divided into items in reading
order: the network says where an item begins, and a plausible item has a description and at most one amount. Within an
item the likeliest run of a class is its part; descriptions over several rows are joined.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.extractor.encoding import Document
from services.extractor.network.classes import CLASSES, ITEM_CLASSES
from services.extractor.spans import Part
from shared.arrays import Doubles, Floats

_WORD = re.compile(r"\S+")
_MIN_PROBABILITY = 1e-4
# A segment without a character of this probability has no run of the classes.
_MIN_CLASS_SCORE = 0.2
# Cost of a change of the class within a segment, in nats.
_SWITCH_COST = 1.5
# Number of characters from which the evidence of a word counts in full.
_FULL_EVIDENCE = 3
_MAX_RUNS_PER_ITEM = 40
# Costs of items with unusual parts, in nats.
_SECOND_AMOUNT_COST = 4.0
_SECOND_QUANTITY_COST = 1.5
_NO_DESCRIPTION_COST = 2.5
_NO_AMOUNT_COST = 0.5
_SPLIT_DESCRIPTION_COST = 1.0
_TIMES = frozenset("x×*@")


@dataclass(frozen=True)
class Run:
    """Neighboring words of a segment that belong to one class; `start_score`: that its segment begins an item."""

    kind: str
    part: Part
    row: int
    start_score: float


@dataclass(frozen=True)
class ItemPart:
    """The text of one part of an item, where it is, and the mean probability of its class."""

    text: str
    parts: tuple[Part, ...]
    score: float


@dataclass(frozen=True)
class SubItem:
    """An extra or a choice that belongs to an item, such as a topping."""

    description: ItemPart | None = None
    quantity: ItemPart | None = None
    unit_price: ItemPart | None = None
    amount: ItemPart | None = None


@dataclass(frozen=True)
class Item:
    """One line item as printed."""

    description: ItemPart | None = None
    quantity: ItemPart | None = None
    unit: ItemPart | None = None
    unit_price: ItemPart | None = None
    amount: ItemPart | None = None
    code: ItemPart | None = None
    discount: ItemPart | None = None
    sub_items: tuple[SubItem, ...] = field(default=())


def find_items(document: Document, scores: Floats) -> list[Item]:
    """Find the line items of a receipt, in reading order.

    Args:
        document: The receipt.
        scores: (T, len(CLASSES) + 1) probabilities of the classes and of the start of an item for each character.
    """
    runs = find_runs(document, scores, ITEM_CLASSES)
    return [_item(document, group) for group in _divide(runs)]


def segment_probabilities(document: Document, scores: Floats) -> Floats:
    """Average the probabilities over the characters of each segment: (S, len(CLASSES)), in reading order."""
    sums = np.add.reduceat(scores[:, : len(CLASSES)] * ~document.separator[:, None], document.start[:-1], axis=0)
    return np.asarray(sums / np.maximum(np.diff(document.start) - 1, 1)[:, None], np.float32)


def find_runs(document: Document, scores: Floats, classes: Sequence[str]) -> list[Run]:
    """Find the runs of words that belong to some of the classes, in reading order.

    Args:
        document: The receipt.
        scores: See `find_items`.
        classes: The classes to find.
    """
    found: list[Run] = []
    class_scores = scores[:, [CLASSES.index(name) for name in classes]].sum(axis=1)
    likely = document.segment[np.flatnonzero((class_scores > _MIN_CLASS_SCORE) & ~document.separator)]
    sums = np.zeros((len(scores) + 1, scores.shape[1]))
    np.cumsum(scores, axis=0, out=sums[1:])
    for place in dict.fromkeys(likely.tolist()):
        begin, text = int(document.start[place]), document.segment_text(place)
        words = [(begin + match.start(), begin + match.end()) for match in _WORD.finditer(text)]
        if not words:
            continue
        start_score = float(sums[begin + len(text), len(CLASSES)] - sums[begin, len(CLASSES)]) / len(text)
        kinds = _word_kinds(words, sums)
        first = 0
        for number in range(1, len(words) + 1):
            if number < len(words) and kinds[number] == kinds[first]:
                continue
            kind = CLASSES[kinds[first]]
            if kind in classes:
                start, end = words[first][0], words[number - 1][1]
                score = float(sums[end, kinds[first]] - sums[start, kinds[first]]) / (end - start)
                part = Part(place, start, end, score)
                # Only the first run of a segment can be the start of an item.
                is_first = not found or found[-1].part.place != place
                found.append(Run(kind, part, int(document.row[place]), start_score if is_first else 0.0))
            first = number
    return found


def _word_kinds(words: Sequence[tuple[int, int]], sums: Doubles) -> list[int]:
    """Choose a class for each word of a segment: the likeliest sequence with a cost for each change (Viterbi, 1967).

    Args:
        words: Start and end of each.
        sums: (T + 1, at least len(CLASSES)) sums of the probabilities before each character.
    """
    start, end = np.array(words).T
    length = (end - start)[:, None]
    mean = (sums[end, : len(CLASSES)] - sums[start, : len(CLASSES)]) / length
    evidence = np.log(np.maximum(mean, _MIN_PROBABILITY)) * np.minimum(length + 1, _FULL_EVIDENCE) / _FULL_EVIDENCE
    if len(words) == 1:
        return [int(evidence[0].argmax())]
    best = evidence[0]
    origins = []
    for row in evidence[1:]:
        change = best.max() - _SWITCH_COST
        origins.append(np.where(best >= change, np.arange(len(best)), best.argmax()))
        best = np.maximum(best, change) + row
    kinds = [int(best.argmax())]
    for origin in reversed(origins):
        kinds.append(int(origin[kinds[-1]]))
    return kinds[::-1]


def _divide(runs: Sequence[Run]) -> list[list[Run]]:
    """Divide runs into items: the cheapest way, by dynamic programming over where items begin."""
    count = len(runs)
    cost = [0.0] + [math.inf] * count
    origin = [0] * (count + 1)
    for first, run in enumerate(runs):
        # Of the first run being the start of an item, and the later ones not.
        starts = cost[first] - math.log(_bound(run.start_score))
        group = runs[first : first + _MAX_RUNS_PER_ITEM]
        for end, (last, implausible) in enumerate(zip(group, _plausibility_costs(group), strict=True), first + 1):
            if last is not run:
                starts -= math.log(_bound(1.0 - last.start_score))
            if starts + implausible < cost[end]:
                cost[end], origin[end] = starts + implausible, first
    groups: list[list[Run]] = []
    end = count
    while end:
        groups.append(list(runs[origin[end] : end]))
        end = origin[end]
    return groups[::-1]


def _bound(probability: float) -> float:
    return min(max(probability, 0.001), 0.999)


def _plausibility_costs(runs: Sequence[Run]) -> Iterator[float]:
    """Yield how unusual an item of the first run is, of the first two, and so on, in nats."""
    amounts = quantities = apart = 0
    row: int | None = None
    for run in runs:
        amounts += run.kind == "item_amount"
        quantities += run.kind == "item_quantity"
        if run.kind == "item_description":
            apart += row is not None and run.row - row > 1
            row = run.row
        yield (
            _SECOND_AMOUNT_COST * max(amounts - 1, 0)
            + _SECOND_QUANTITY_COST * max(quantities - 1, 0)
            + _NO_DESCRIPTION_COST * (row is None)
            + _NO_AMOUNT_COST * (amounts == 0)
            + _SPLIT_DESCRIPTION_COST * apart
        )


def _item(document: Document, runs: Sequence[Run]) -> Item:
    def one(kind: str) -> ItemPart | None:
        return _best(document, [run for run in runs if run.kind == kind])

    return Item(
        description=_joined(document, [run for run in runs if run.kind == "item_description"]),
        quantity=one("item_quantity"),
        unit=_best(document, [run for run in runs if run.kind == "item_unit" and not _is_times(document, run)]),
        unit_price=one("item_unit_price"),
        amount=one("item_amount"),
        code=one("item_code"),
        discount=one("item_discount"),
        sub_items=tuple(_sub_items(document, [run for run in runs if run.kind.startswith("sub_")])),
    )


def _is_times(document: Document, run: Run) -> bool:
    """Return whether a run is a sign between a quantity and a price (`2 x 4.50`), which is not a unit."""
    return document.text[run.part.start : run.part.end].strip().casefold() in _TIMES


def _sub_items(document: Document, runs: Sequence[Run]) -> Iterable[SubItem]:
    """Divide the runs of sub-items: each row with a description begins one, other rows belong to the one before."""
    groups: list[list[Run]] = []
    for run in runs:
        in_row = groups and groups[-1][-1].row == run.row
        has_description = groups and any(one.kind == "sub_description" for one in groups[-1])
        if not groups or (not in_row and run.kind == "sub_description") or (not in_row and not has_description):
            groups.append([run])
        else:
            groups[-1].append(run)
    for group in groups:
        yield SubItem(
            description=_joined(document, [run for run in group if run.kind == "sub_description"]),
            quantity=_best(document, [run for run in group if run.kind == "sub_quantity"]),
            unit_price=_best(document, [run for run in group if run.kind == "sub_unit_price"]),
            amount=_best(document, [run for run in group if run.kind == "sub_amount"]),
        )


def _best(document: Document, runs: Sequence[Run]) -> ItemPart | None:
    if not runs:
        return None
    return _joined(document, [max(runs, key=lambda run: run.part.score)])


def _joined(document: Document, runs: Sequence[Run]) -> ItemPart | None:
    if not runs:
        return None
    parts = tuple(run.part for run in runs)
    sizes = np.array([part.end - part.start for part in parts])
    text = " ".join(" ".join(document.text[part.start : part.end] for part in parts).split())
    return ItemPart(text, parts, float(np.average([part.score for part in parts], weights=sizes)))

"""Choose the company and the address of a receipt among runs of its segments. numpy only.

A run's score is a weighted sum of its features, and its probability a softmax over all runs of the receipt and the case
that the receipt does not have the field.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator

from services.extractor.encoding import Document
from services.extractor.ranking.runs import FEATURES, Runs, list_runs, score_runs, sum_inside
from services.extractor.ranking.units import INDEX, Units
from services.extractor.spans import Part, Span
from shared.arrays import Doubles

RankedField = Literal["company", "address"]
# Features of the units of which the largest counts as evidence for the choice.
_SIGNS: dict[RankedField, tuple[str, ...]] = {
    "company": ("brand", "site_name", "legal_end", "echoed", "thanks_word", "other_word", "few_letters", "is_brand"),
    "address": ("street", "postal", "place_and_code", "house_number", "other_word", "price"),
}
_LONG = 30.0
_EVEN_ODDS = 0.5
# A run with fewer letters is a rest of something unreadable.
_MIN_LETTERS = 2
_MAX_SEGMENTS: dict[RankedField, int] = {"company": 4, "address": 7}


class RunWeights(BaseModel):
    """Fitted weights of the choice of one field; part of the manifest of the network they belong to."""

    model_config = ConfigDict(extra="forbid")

    weights: dict[str, float] = Field(description="Weight of each feature of ranking.runs.FEATURES; 0 if missing.")
    none: float = Field(description="Score of the case that the receipt does not have the field.")

    @field_validator("weights")
    @classmethod
    def _check_names(cls, weights: dict[str, float]) -> dict[str, float]:
        unknown = set(weights) - set(FEATURES)
        if unknown:
            raise ValueError(f"unknown features: {', '.join(sorted(unknown))}")
        return weights

    _vector: Doubles | None = PrivateAttr(default=None)

    def vector(self) -> Doubles:
        """Return the weights in the order of FEATURES."""
        if self._vector is None:
            self._vector = np.array([self.weights.get(name, 0.0) for name in FEATURES])
        return self._vector


@dataclass(frozen=True)
class Choice:
    """The likeliest run of a receipt.

    Attributes:
        span: Its parts; the score is the mean probability of the field according to the network.
        probability: That it is the field, 0 to 1.
        missing: Probability that the receipt does not have the field, 0 to 1.
        runner_up: Probability of the second likeliest run, 0 to 1.
        signs: What else tells whether it is right, by name; 0 to 1 each.
    """

    span: Span
    probability: float
    missing: float
    runner_up: float
    signs: dict[str, float]

    @property
    def is_absent(self) -> bool:
        """Whether it is likelier that the receipt does not have the field."""
        return self.missing > self.probability

    @property
    def is_unlikely(self) -> bool:
        """Whether it is less likely right than not, and no known brand."""
        return self.probability < _EVEN_ODDS and not self.signs.get("brand")


def choose_runs(
    document: Document,
    units: Units,
    weights: Mapping[RankedField, RunWeights],
    known: Mapping[RankedField, Set[str]],
) -> dict[RankedField, Choice]:
    """Return the likeliest run of each field; a part of a line of an address that is likelier is not a company.

    Args:
        document: The receipt.
        units: Its units.
        weights: Fitted weights of each field.
        known: Letters and digits of the merchant directory's companies and addresses.
    """
    chosen: dict[RankedField, Choice] = {}
    for name, fitted in weights.items():
        choice = choose_run(document, units, name, fitted, known[name])
        if choice is not None:
            chosen[name] = choice
    company, address = chosen.get("company"), chosen.get("address")
    if company is None or address is None:
        return chosen
    taken = {part.place for part in address.span.parts}
    is_taken = bool(taken & {part.place for part in company.span.parts})
    if is_taken and address.probability > max(company.probability, address.missing):
        again = choose_run(document, units, "company", weights["company"], known["company"], taken=taken)
        chosen = {"address": address} if again is None else {"company": again, "address": address}
    return chosen


def list_candidates(document: Document, units: Units, name: RankedField) -> Runs:
    """Return the runs that may be a field: all that have letters."""
    runs = list_runs(units, len(document.order), most=_MAX_SEGMENTS[name], skip=name == "address", field=name)
    letters = np.array([[sum(map(str.isalpha, key))] for key in units.keys], np.float64)
    enough = sum_inside(letters, runs, len(document.order))[:, 0] >= _MIN_LETTERS
    return Runs(*(values[enough] for values in vars(runs).values()))


def choose_run(
    document: Document,
    units: Units,
    name: RankedField,
    weights: RunWeights,
    known: Set[str],
    *,
    taken: Set[int] = frozenset(),
) -> Choice | None:
    """Return the likeliest run of a receipt; None without letters.

    Args:
        document: The receipt.
        units: Its units.
        name: The field.
        weights: Fitted weights.
        known: Letters and digits of the merchant directory's companies or addresses.
        taken: Segments that the run must not have, by place in reading order.
    """
    runs = list_candidates(document, units, name)
    if not len(runs.first):
        return None
    scores = score_runs(document, units, runs, known, weights.vector(), field=name)
    powers = np.exp(np.append(scores, weights.none) - max(float(scores.max()), weights.none))
    chances = powers / powers.sum()
    is_free = ~np.any([(runs.first <= place) & (place <= runs.last) for place in taken], axis=0) if taken else True
    if not np.any(is_free):
        return None
    best = int(np.where(is_free, chances[:-1], -1.0).argmax())
    likely = units.features[:, INDEX[f"p_{name}"]]
    parts = tuple(
        Part(int(units.place[unit]), int(units.start[unit]), int(units.end[unit]), float(likely[unit]))
        for unit in runs.units_of(best)
    )
    sizes = np.array([max(units.letters[unit], 1.0) for unit in runs.units_of(best)])
    mean = float((np.array([part.score for part in parts]) * sizes).sum() / sizes.sum())
    others = np.delete(chances[:-1], best)
    runner_up = float(others.max(initial=0.0))
    rows = units.features[runs.units_of(best)]
    signs = {name: float(min(rows[:, INDEX[name]].max(), 1.0)) for name in _SIGNS[name]}
    legal = units.features[: len(document.order), INDEX["legal_end"]].any()
    signs["legal_outside"] = float(legal and not rows[:, INDEX["legal_end"]].any())
    signs["letters"] = min(float(sizes.sum()), _LONG) / _LONG
    return Choice(Span(parts, mean, runner_up), float(chances[best]), float(chances[-1]), runner_up, signs)

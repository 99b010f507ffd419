"""Variations of labeled receipts: reading errors, missing rows, other shops, amounts, languages. Training only.

The labeled receipts come from a few hundred shops, which a network would otherwise memorize. Everything here works on
labeled segments before they are encoded, and keeps text and labels aligned.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from services.extractor.training.labeling.fields import NO_GROUPS, LabeledText
from services.extractor.training.labeling.targets import BACKGROUND
from services.extractor.training.variations.amounts import change_prices, replace_text
from services.extractor.training.variations.translation import translate
from shared.contracts import FIELD_NAMES
from shared.look_alikes import look_alikes_of
from shared.normalization import find_dates

_COMPANY = 1 + FIELD_NAMES.index("company")
_ADDRESS = 1 + FIELD_NAMES.index("address")

# What a recognizer may read instead of a character, in addition to look-alikes.
_OTHER_CONFUSIONS = {
    "0": "8", "O": "Q", "Q": "O", "1": "7", "I": "T", "5": "6", "S": "8", "8": "06", "B": "R", "2": "7", "Z": "7",
    "6": "58", "7": "1", "T": "I", "A": "R", "M": "NH", "N": "MH", "U": "J", "V": "Y", "C": "O", "E": "FB", "F": "EP",
    "H": "NM", "K": "X", "P": "FR", "R": "PK", "W": "VM", "X": "K", "Y": "V", ".": ",:", ",": ".", ":": ".;",
    "-": "~.", "/": "1I7", "(": "C[", ")": "]J", "9": "80", "3": "85",
}  # fmt: skip
_ALL = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:-/()"
_CONFUSED = {character: look_alikes_of(character) + _OTHER_CONFUSIONS.get(character, "") for character in _ALL}


@dataclass
class Augmenter:
    """Draw variations of receipts.

    Attributes:
        random: Source of chance.
        companies: Printed names that replace others, each a list of segments.
        addresses: Printed addresses that replace others, each a list of segments.
    """

    random: random.Random
    companies: list[list[str]] = field(default_factory=list)
    addresses: list[list[str]] = field(default_factory=list)

    @classmethod
    def of(cls, receipts: Sequence[Sequence[LabeledText]], seed: int) -> Augmenter:
        """Return an augmenter with the companies and addresses of these receipts."""
        return cls(
            random.Random(seed),  # noqa: S311 - not for secrets
            _distinct([_printed(segments, _COMPANY) for segments in receipts]),
            _distinct([_printed(segments, _ADDRESS) for segments in receipts]),
        )

    def __call__(self, receipt: Sequence[LabeledText]) -> list[LabeledText]:
        """Return a variation of a receipt, which itself is not changed."""
        segments = [_copy(segment) for segment in receipt]
        read = any(segment.confidence < 1.0 for segment in receipt)
        if self.random.random() < 0.5:
            self._swap(segments, _COMPANY, self.companies)
        if self.random.random() < 0.4:
            self._swap(segments, _ADDRESS, self.addresses)
        if self.random.random() < 0.5:
            change_prices(segments, self.random)
        if self.random.random() < 0.3:
            translate(segments, self.random)
        if self.random.random() < 0.4:
            self._change_dates(segments)
        if self.random.random() < 0.6:
            segments = self._drop(segments)
        if self.random.random() < 0.5:
            segments = self._merge_and_split(segments)
        if not read and self.random.random() < 0.65:
            rate = self.random.uniform(0.0, 0.06)
            segments = [self._misread(segment, rate) for segment in segments]
        if self.random.random() < 0.2:
            segments = [_without_spaces(segment) for segment in segments]
        self._move(segments)
        if self.random.random() < 0.1:
            for segment in segments:
                text = segment.text.title() if self.random.random() < 0.7 else segment.text.lower()
                # The lower case of a Turkish I with a dot has two characters, which the labels do not.
                segment.text = text if len(text) == len(segment.labels) else segment.text
        return [segment for segment in segments if segment.text.strip()]

    def rearranged(self, receipt: Sequence[LabeledText]) -> list[LabeledText]:
        """Return a receipt with the same text in segments that are moved, joined and split."""
        segments = [_copy(segment) for segment in receipt]
        segments = self._merge_and_split(segments)
        self._move(segments)
        return segments

    def _swap(self, segments: list[LabeledText], number: int, pool: list[list[str]]) -> None:
        own = [segment for segment in segments if (segment.labels == number).any()]
        fitting = [texts for texts in pool if len(texts) == len(own)]
        if not own or not fitting:
            return
        texts = self.random.choice(fitting)
        if number == _COMPANY and self.random.random() < 0.4:
            other = self.random.choice(fitting)
            texts = [self._blend(a, b) for a, b in zip(texts, other, strict=True)]
        for segment, text in zip(own, texts, strict=True):
            places = np.flatnonzero(segment.labels == number)
            start, end = int(places[0]), int(places[-1]) + 1
            before = len(segment.text)
            segment.text = segment.text[:start] + text + segment.text[end:]
            segment.labels = np.concatenate(
                [segment.labels[:start], np.full(len(text), number), segment.labels[end:]]
            ).astype(np.int64)
            _stretch(segment, len(segment.text) / max(before, 1))

    def _blend(self, first: str, second: str) -> str:
        """Join the first words of one name and the last words of another."""
        a, b = first.split(), second.split()
        if not a or not b:
            return first
        return " ".join([*a[: self.random.randint(1, len(a))], *b[self.random.randint(0, len(b)) :]])

    def _change_dates(self, segments: list[LabeledText]) -> None:
        day, month, year = self.random.randint(1, 28), self.random.randint(1, 12), self.random.randint(2009, 2027)
        for segment in segments:
            for match in reversed(find_dates(segment.text)):
                if match.day_first is None:
                    continue
                parts = re.findall(r"\d+", match.text)
                if len(parts) != 3:
                    continue
                numbers = [year, month, day] if len(parts[0]) == 4 else [day, month, year]
                new = iter(str(n % 10 ** len(p)).zfill(len(p)) for n, p in zip(numbers, parts, strict=True))
                replace_text(segment, match.start, match.end, re.sub(r"\d+", lambda _, new=new: next(new), match.text))  # type: ignore[misc]

    def _drop(self, segments: list[LabeledText]) -> list[LabeledText]:
        rate = self.random.uniform(0.0, 0.15)
        kept = [s for s in segments if not BACKGROUND.issuperset(s.labels.tolist()) or self.random.random() > rate]
        if self.random.random() < 0.15:
            # The network has to learn to answer nothing for a missing field.
            number = self.random.randint(1, len(FIELD_NAMES))
            kept = [s for s in kept if not (s.labels == number).any()] or kept
        return kept

    def _merge_and_split(self, segments: list[LabeledText]) -> list[LabeledText]:
        """Split segments at spaces and join neighbors on a row, as a detector does."""
        result: list[LabeledText] = []
        # Some detectors keep the quantity and the name of an item in one segment.
        often = self.random.random() < 0.3
        for segment in segments:
            spaces = [i for i, character in enumerate(segment.text) if character == " "]
            chance = self.random.random()
            if spaces and chance < 0.04:
                result += _split(segment, self.random.choice(spaces))
            elif result and (
                (chance > 0.96 and _beside(result[-1], segment, 4.0))
                or (often and chance > 0.3 and _beside(result[-1], segment, 1.2))
            ):
                result[-1] = _merge(result[-1], segment)
            else:
                result.append(segment)
        return result

    def _misread(self, segment: LabeledText, rate: float) -> LabeledText:
        text, labels = [], []
        wrong = 0
        for character, number in zip(segment.text, segment.labels, strict=True):
            chance = self.random.random() / max(rate, 1e-9)
            if chance >= 1.0:
                out = character
            elif chance < 0.15:
                out = ""
            elif chance < 0.25:
                out = character + self.random.choice(_ALL)
            elif character == " ":
                out = ""
            elif chance < 0.32:
                out = character + " "
            elif chance < 0.45:
                out = self.random.choice(_ALL)
            else:
                out = self.random.choice(_CONFUSED.get(character.upper()) or character)
            wrong += out != character
            text.append(out)
            labels += [number] * len(out)
        return LabeledText(
            segment.quad, "".join(text), np.array(labels, np.int64), self._confidence(wrong), segment.group
        )

    def _confidence(self, wrong: int) -> float:
        """Draw a confidence such as the recognizer gives a segment with this many wrong characters."""
        return self.random.uniform(0.1, 0.95) if wrong else 1.0 - 0.4 * self.random.random() ** 3

    def _move(self, segments: list[LabeledText]) -> None:
        if not segments:
            return
        jitter = self.random.uniform(0.0, 0.12)
        grow = self.random.uniform(-0.1, 0.2)
        angle = self.random.gauss(0.0, 0.012)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
        quads = np.stack([segment.quad for segment in segments])
        tall = np.maximum(quads[:, 3, 1] - quads[:, 0, 1], 1.0)[:, None]
        draw = np.random.default_rng(self.random.getrandbits(32))
        low, high = quads[:, 0].copy(), quads[:, 2].copy()
        low += draw.normal(0.0, jitter, low.shape) * tall
        high += draw.normal(0.0, jitter, high.shape) * tall
        low[:, 1] -= grow * tall[:, 0] / 2
        high[:, 1] += grow * tall[:, 0] / 2
        right_top, left_bottom = np.stack([high[:, 0], low[:, 1]], 1), np.stack([low[:, 0], high[:, 1]], 1)
        moved = np.stack([low, right_top, high, left_bottom], axis=1) @ turn
        for segment, quad in zip(segments, moved.astype(np.float32), strict=True):
            segment.quad = quad


def _copy(segment: LabeledText) -> LabeledText:
    return LabeledText(segment.quad.copy(), segment.text, segment.labels.copy(), segment.confidence, segment.group)


def _printed(segments: Sequence[LabeledText], number: int) -> list[str]:
    parts = []
    for segment in segments:
        places = np.flatnonzero(segment.labels == number)
        if len(places):
            parts.append(segment.text[places[0] : places[-1] + 1])
    return parts


def _distinct(printed: list[list[str]]) -> list[list[str]]:
    return [list(parts) for parts in sorted({tuple(parts) for parts in printed if parts})]


def _without_spaces(segment: LabeledText) -> LabeledText:
    kept = [i for i, character in enumerate(segment.text) if character != " "]
    text = segment.text.replace(" ", "")
    return LabeledText(segment.quad, text, segment.labels[kept], segment.confidence, segment.group)


def _stretch(segment: LabeledText, factor: float) -> None:
    """Scale the width of a segment about its center."""
    center = segment.quad[:, 0].mean()
    segment.quad[:, 0] = center + (segment.quad[:, 0] - center) * min(max(factor, 0.4), 2.5)


def _split(segment: LabeledText, place: int) -> list[LabeledText]:
    share = (place + 0.5) / len(segment.text)
    left, right = segment.quad.copy(), segment.quad.copy()
    left[[1, 2]] = segment.quad[[0, 3]] + (segment.quad[[1, 2]] - segment.quad[[0, 3]]) * share
    right[[0, 3]] = left[[1, 2]]
    return [
        LabeledText(left, segment.text[:place], segment.labels[:place], segment.confidence, segment.group),
        LabeledText(right, segment.text[place + 1 :], segment.labels[place + 1 :], segment.confidence, segment.group),
    ]


def _beside(left: LabeledText, right: LabeledText, reach: float) -> bool:
    """Whether one segment follows another on the same row, at most `reach` heights away."""
    if left.group != right.group and NO_GROUPS not in (left.group, right.group):
        return False
    tall = max(float(left.quad[3, 1] - left.quad[0, 1]), 1.0)
    level = abs(float(left.quad[:, 1].mean() - right.quad[:, 1].mean())) < 0.3 * tall
    return level and 0 < float(right.quad[0, 0] - left.quad[1, 0]) < reach * tall


def _merge(left: LabeledText, right: LabeledText) -> LabeledText:
    quad = np.stack([left.quad[0], right.quad[1], right.quad[2], left.quad[3]])
    space = left.labels[-1:] if len(left.labels) and left.labels[-1] == right.labels[0] else np.zeros(1, np.int64)
    labels = np.concatenate([left.labels, space, right.labels])
    return LabeledText(quad, left.text + " " + right.text, labels, left.confidence * right.confidence, left.group)

"""Choose the total among the amounts of a receipt. numpy only.

Each distinct amount gets a score, a weighted sum of the network's probability and of rules about wording and
arithmetic. The weights are fitted on receipts held out of training.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from services.extractor.amounts.separators import is_sum, is_whole, list_separated, separate
from services.extractor.dates import MISREAD_DIGITS
from services.extractor.encoding import Document
from services.extractor.spans import mean_probability, row_text
from shared.arrays import Floats
from shared.normalization import (
    AmountMatch,
    NumberFormat,
    find_amounts,
    find_concepts,
    infer_country,
    infer_number_format,
    names_concept,
)
from shared.normalization.amounts import find_conversions
from shared.normalization.country import smallest_coin
from shared.normalization.vocabulary import Concept

# Concepts with which a row that names the total announces another amount: "total savings", "total items".
_NOT_TOTAL: tuple[Concept, ...] = (
    "subtotal", "net", "quantity", "discount", "change", "rounding", "tip", "service", "deposit",
)  # fmt: skip
_PAID: tuple[Concept, ...] = ("paid", "cash", "card", "wallet", "voucher")

FEATURES = (
    "network",  # logit of the network's probability for the likeliest print
    "named",  # on a row that names the total
    "repeated",
    "largest",
    "paid_less_change",
    "subtotal_and_more",  # it is the sum of the subtotal and another amount
    "paid",  # on a row that names a payment, and on none that names the total
    "change",
    "zero",
    "rounded",  # 1 if it is another amount rounded to the country's smallest coin, -1 if another is this one rounded
)
DEFAULT_WEIGHTS = (1.0, 1.0, 0.3, 0.3, 1.0, 0.5, -0.5, -1.5, -1.0, 2.0)
DEFAULT_NO_TOTAL = -3.0
_LIMIT = 6.0
# Smallest coin of most countries that round totals, for receipts of an unknown one that print a rounding.
_USUAL_COIN = Decimal("0.05")
_LIKELY = 0.5
_NEARLY_AMOUNT = re.compile(r"(?<![A-Za-z])[\dOoQDIil|SsBZz]{1,6}\s?[.,]\s?[\dOoQDIil|SsBZz]{2}(?![A-Za-z\d])")


@dataclass(frozen=True)
class Print:
    """One place where an amount is printed.

    Attributes:
        place: The segment, by its place in reading order.
        match: The amount.
        score: Mean probability of the total over its digits, 0 to 1.
        row: Text of its row.
        doubted: Whether its decimal separator was not read, and no sum on the receipt confirms where it belongs.
    """

    place: int
    match: AmountMatch
    score: float
    row: str
    doubted: bool = False


@dataclass(frozen=True)
class Candidate:
    """A distinct amount with all its prints and its features in the order of FEATURES."""

    amount: Decimal
    prints: tuple[Print, ...]
    features: tuple[float, ...]

    @property
    def best(self) -> Print:
        """The print that is most likely the total."""
        return max(self.prints, key=lambda one: one.score)


def is_total_row(text: str) -> bool:
    """Return whether a row's words announce the total; "Total GST" is the tax, "total incl. GST" is the total."""
    concepts = find_concepts(text)
    if "total" not in concepts or any(concept in concepts for concept in _NOT_TOTAL):
        return False
    return "tax" not in concepts or "gross" in concepts


def candidates(document: Document, probability: Floats, default_country: str | None = None) -> list[Candidate]:
    """Return every distinct amount of a receipt with its features.

    Args:
        document: The receipt.
        probability: (T,) of the total, for each character.
        default_country: ISO 3166 code of the country to assume where the receipt does not tell.
    """
    number_format = infer_number_format(document.text, default_country)
    prints = _prints(document, probability, number_format)
    prints = _without_stray_minus(_with_decimals(document, probability, prints, number_format), document.text)
    converting = find_conversions(document.text)
    prints = [one for one in prints if one.row not in converting] or prints
    amounts: dict[Decimal, list[Print]] = {}
    for one in prints:
        amounts.setdefault(one.match.amount, []).append(one)
    largest = max((abs(amount) for amount in amounts), default=Decimal(0))
    paid = {one.match.amount for one in prints if names_concept(one.row, *_PAID)}
    change = {one.match.amount for one in prints if names_concept(one.row, "change")}
    subtotals = {one.match.amount for one in prints if names_concept(one.row, "subtotal", "net")}
    small = {amount for amount in amounts if amount != 0}
    coin = smallest_coin(infer_country(document.text).code)
    if coin is None and any(names_concept(one.row, "rounding") for one in prints):
        coin = _USUAL_COIN
    result = []
    for amount, places in amounts.items():
        likely = max(one.score for one in places)
        named = [one for one in places if is_total_row(one.row)]
        features = (
            logit(likely),
            bool(named),
            len(places) > 1,
            amount == largest,
            any(given - amount in change for given in paid if given > amount),
            any(amount - part in small for part in subtotals if part != amount and amount - part != amount),
            bool(not named and amount in paid),
            bool(not named and amount in change),
            amount == 0,
            _rounded(amount, amounts, coin),
        )
        result.append(Candidate(amount, tuple(places), tuple(float(value) for value in features)))
    return result


def _rounded(amount: Decimal, others: Iterable[Decimal], coin: Decimal | None) -> int:
    """Return the feature `rounded`: cash totals are rounded where the smallest coins are missing."""
    if coin is None or abs(amount) <= 20 * coin:
        return 0
    whole = amount % coin == 0
    near = [other for other in others if 0 < abs(other - amount) < coin and (other % coin == 0) != whole]
    if not near:
        return 0
    return 1 if whole else -1


def find_sign_on_row(printed: Print, text: str) -> str:
    """Return the currency sign in front of an amount in another segment of its row; "" without one.

    Args:
        printed: The amount.
        text: The whole receipt.
    """
    matches = find_amounts(printed.row, infer_number_format(text))
    return next((one.sign for one in matches if one.sign and one.amount == printed.match.amount), "")


def shares(found: Sequence[Candidate], weights: Sequence[float], no_total: float) -> list[float]:
    """Return the probability of each candidate, a softmax over the weighted features; the rest is that of no total.

    Args:
        found: The amounts of a receipt.
        weights: Weights of their features.
        no_total: Score for no total among them.
    """
    scores = np.array([*(float(np.dot(candidate.features, weights)) for candidate in found), no_total])
    powers = np.exp(scores - scores.max())
    return [float(value) for value in powers[:-1] / powers.sum()]


def logit(probability: float) -> float:
    """Return the logarithm of the odds, limited to ±6."""
    clipped = min(max(probability, 1e-6), 1.0 - 1e-6)
    return float(min(max(np.log(clipped / (1.0 - clipped)), -_LIMIT), _LIMIT))


def _prints(document: Document, probability: Floats, number_format: NumberFormat) -> list[Print]:
    result = []
    rows: dict[int, str] = {}
    for place in range(len(document.order)):
        offset, text = int(document.start[place]), document.segment_text(place)
        matches = find_amounts(text, number_format) or find_amounts(_repaired(text), number_format)
        for match in matches:
            row = int(document.row[place])
            rows.setdefault(row, row_text(document, row))
            score = mean_probability(document, probability, offset + match.number_start, offset + match.number_end)
            result.append(Print(place, match, score, rows[row]))
    return result


def _with_decimals(
    document: Document, probability: Floats, prints: Sequence[Print], number_format: NumberFormat
) -> list[Print]:
    """Return the prints of amounts, with the decimal separator restored in what may be the total.

    $120339 is 1203.39 where the other amounts of a receipt have two decimals. Where it is the sum of two of them, or
    printed a second time, it is certain; otherwise the print is doubted.
    """
    separated = list_separated((one.match for one in prints), number_format)
    if not separated:
        return list(prints)
    result = [one for one in prints if not is_whole(one.match)]
    whole = {(one.place, one.match.number_start): one for one in prints if is_whole(one.match)}
    for place in range(len(document.order)):
        offset, text = int(document.start[place]), document.segment_text(place)
        for start, end, match in separate(text, number_format):
            score = mean_probability(document, probability, offset + start, offset + end)
            row = row_text(document, int(document.row[place]))
            is_certain = is_sum(match.amount, separated)
            if score >= _LIKELY and (is_certain or is_total_row(row)):
                whole.pop((place, start), None)
                result.append(Print(place, match, score, row, doubted=not is_certain))
    return result + list(whole.values())


def _without_stray_minus(prints: Sequence[Print], text: str) -> list[Print]:
    """Return the prints of amounts; a minus counts as a stray mark if the receipt prints the same amount without one.

    On a refund, which says so, both signs occur.
    """
    positive = {one.match.amount for one in prints if one.match.amount > 0}
    if not any(-one.match.amount in positive for one in prints) or names_concept(text, "refund", "discount"):
        return list(prints)
    return [
        replace(one, match=replace(one.match, amount=-one.match.amount)) if -one.match.amount in positive else one
        for one in prints
    ]


def _repaired(text: str) -> str:
    """Replace letters read for digits in what looks like an amount; the length stays the same."""

    def repair(match: re.Match[str]) -> str:
        found = match.group()
        digits = sum(character.isdigit() for character in found)
        return found.translate(MISREAD_DIGITS) if digits * 2 >= len(found.strip()) - 1 else found

    return _NEARLY_AMOUNT.sub(repair, text)

"""The amounts around the total: subtotal, tax, tip, discount, service charge, rounding, payment and change."""

from __future__ import annotations

from collections.abc import Mapping

from services.extractor.details.reading import PrintedAmount, Reading
from shared.contracts import AmountField
from shared.normalization import find_concepts
from shared.normalization.vocabulary import Concept

# For each field the classes of the network that it sums up, and the concepts that announce it on its row.
_CLASSES: Mapping[str, tuple[str, ...]] = {
    "subtotal": ("subtotal",),
    "tax": ("tax",),
    "tip": ("tip",),
    "discount": ("discount",),
    "service_charge": ("service_charge",),
    "rounding": ("rounding",),
    "paid": ("cash", "card", "wallet", "other_payment"),
    "change": ("change",),
}
_CONCEPTS: Mapping[str, tuple[Concept, ...]] = {
    "subtotal": ("subtotal",),
    "tax": ("tax",),
    "tip": ("tip",),
    "discount": ("discount",),
    "service_charge": ("service",),
    "rounding": ("rounding",),
    "paid": ("paid", "cash", "card", "wallet", "voucher"),
    "change": ("change",),
}
# What an announcement alone is worth where the network does not know the class.
_ANNOUNCED = 0.6
_MIN_PROBABILITY = 0.5


def find_sums(reading: Reading) -> dict[str, AmountField]:
    """Return the fields of `_CLASSES` that are on a receipt."""
    found = {}
    for name, classes in _CLASSES.items() if reading.amounts else ():
        if reading.knows_everything:
            scores = reading.probabilities(classes, reading.amounts).tolist()
        else:
            scores = [_score(reading, name, printed) for printed in reading.amounts]
        best = max(range(len(scores)), key=scores.__getitem__)
        if scores[best] > _MIN_PROBABILITY:
            found[name] = reading.amount_field(reading.amounts[best], scores[best])
    return found


def _score(reading: Reading, name: str, printed: PrintedAmount) -> float:
    """Return what its announcement is worth, where the network does not know the class."""
    concepts = find_concepts(reading.rows[printed.row])
    others = {one for other, words in _CONCEPTS.items() if other != name for one in words}
    announced = any(one in concepts for one in _CONCEPTS[name])
    return _ANNOUNCED if announced and "total" not in concepts and others.isdisjoint(concepts) else 0.0

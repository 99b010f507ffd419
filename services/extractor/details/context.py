"""Country, currency, language and type of a receipt."""

from __future__ import annotations

from services.extractor.details.reading import Reading
from shared.contracts import DocumentType, Fields, Inference
from shared.normalization import currency, infer_country
from shared.normalization.vocabulary import count_language_words, find_concepts

_MAX_EVIDENCE = 5
_MIN_WORDS = 2
_MIN_SLIP_WORDS = 2


def country_of(reading: Reading) -> Inference | None:
    """Return the country of a receipt."""
    country = infer_country(reading.document.text)
    if country.code is None:
        return None
    evidence = [f"{one.kind}: {one.text}" for one in country.evidence[:_MAX_EVIDENCE]]
    return Inference(value=country.code, confidence=country.probability, evidence=evidence)


def currency_of(reading: Reading, fields: Fields) -> Inference | None:
    """Return the currency of a receipt: that of its total, otherwise the one that its signs and its country suggest."""
    country = infer_country(reading.document.text)
    if fields.total is not None and fields.total.currency is not None:
        evidence = [f"total: {fields.total.value}", *(f"country: {country.code}" for _ in [0] if country.code)]
        return Inference(value=fields.total.currency, confidence=fields.total.confidence, evidence=evidence)
    code = currency("", reading.document.text, reading.default_country)
    if code is None:
        return None
    evidence = [f"country: {country.code}"] if country.code else []
    return Inference(value=code, confidence=country.probability or 0.5, evidence=evidence)


def language_of(reading: Reading) -> Inference | None:
    """Return the language with the most words that no other language has."""
    counts = count_language_words(reading.document.text)
    if not counts:
        return None
    language, count = max(counts.items(), key=lambda item: item[1])
    if count < _MIN_WORDS:
        return None
    return Inference(value=language, confidence=count / sum(counts.values()), evidence=[f"{count} words"])


def document_type_of(reading: Reading, fields: Fields) -> DocumentType | None:
    """Return what kind of document it is; None if it has no text that tells."""
    concepts = find_concepts(reading.document.text)
    total = fields.total.amount if fields.total is not None else None
    if "refund" in concepts and total is not None and total.startswith("-"):
        return "refund"
    if len(concepts.get("card_slip", ())) >= _MIN_SLIP_WORDS and fields.subtotal is None and "tax" not in concepts:
        return "card_slip"
    if "invoice" in concepts and "receipt_number" not in concepts:
        return "invoice"
    if "ticket" in concepts and "total" not in concepts:
        return "ticket"
    return "receipt" if total is not None or "total" in concepts else "other"

"""Read the four main fields from the probabilities of characters. numpy only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.extractor.addresses import build_address
from services.extractor.amounts.signs import describe_sign, doubt_sign, write_value
from services.extractor.companies.brands import country_of_brand
from services.extractor.companies.logos import (
    clean_name,
    find_logo,
    names_nobody,
    part_of,
)
from services.extractor.companies.names import (
    precedes_brackets,
    without_branch,
    without_caption,
    without_empty_brackets,
    without_mark,
)
from services.extractor.companies.search import find_company_name, find_legal_forms
from services.extractor.countries import malaysia
from services.extractor.dates import best_date, describe_date, write_date
from services.extractor.details.agreement import Amounts, describe_agreement, find_amounts_of
from services.extractor.details.reading import Reading
from services.extractor.encoding import Document, TextSegment
from services.extractor.merchants import Correction, Directory, letters
from services.extractor.network.classes import CLASSES
from services.extractor.ranking.choice import Choice, RankedField, choose_runs
from services.extractor.ranking.edges import complete_address
from services.extractor.ranking.evidence import find_evidence
from services.extractor.ranking.units import build_units
from services.extractor.scoring import Evidence, Scoring
from services.extractor.source import Source
from services.extractor.spans import Part, Span, best_span, mean_probability
from services.extractor.totals import FEATURES, Candidate, candidates, find_sign_on_row, logit, shares
from shared.arrays import Floats
from shared.contracts import FIELD_NAMES, AmountField, DateField, FieldName, Fields, ReceiptField
from shared.normalization import DateReading, currency, find_amounts, infer_country, read_date

_POSTAL_CODE = re.compile(r"\b\d{5}\b")
_CLASS = {name: index for index, name in enumerate(FIELD_NAMES, start=1)}
# Lines above or below a company or an address belong to it only if the network is this sure.
_EDGE = 0.72
_MOST_COMPANY_PARTS, _MOST_ADDRESS_PARTS = 4, 7
# Parts of a company with at least this score are not brands or owners.
_CLEAR = 0.85
# Probability from which a text counts as read without doubt.
_SURE = 0.995
# Factor of the least confidence of a company or an address that is less likely right than not.
_UNLIKELY = 1.5
# Range of the confidence of a brand that replaces a misread logo.
_LEAST_LOGO, _MOST_LOGO = 0.5, 0.8
# Highest confidence of a company without a legal form where another line has one, and of one above text in brackets.
_MAX_BRAND = 0.89
# Highest confidence of a company that is the city of its address.
_MAX_PLACE = 0.5
# Highest confidences of dates that are no calendar dates, and of those with two readings that nothing decides between.
_MAX_IMPOSSIBLE, _MAX_AMBIGUOUS = 0.4, 0.7
# Where the rest of the receipt decides between two readings, it may mislead.
_MAX_DECIDED = 0.97
# Highest confidence of a total whose decimal separator was not read and that no sum confirms.
_MAX_DOUBTED = 0.4


@dataclass
class Extraction:
    """The fields of a receipt, and the evidence that confidences are computed from."""

    fields: Fields
    evidence: dict[FieldName, Evidence]


class FieldReader:
    """Turn probabilities into fields.

    Args:
        scoring: Fitted weights.
        directory: Known merchants, or None for none.
        month_first: Whether 03/04/2018 is in March if the receipt does not show its date order.
        least_confidence: Fields below this confidence are None; their evidence is returned nevertheless.
        default_country: ISO 3166 code of the country to assume if a receipt does not show one.
    """

    def __init__(
        self,
        scoring: Scoring,
        directory: Directory | None = None,
        *,
        month_first: bool = False,
        least_confidence: float = 0.0,
        default_country: str | None = None,
    ) -> None:
        self._scoring = scoring
        self._month_first = month_first
        self._least_confidence = least_confidence
        self._default_country = default_country
        self._directory = directory or Directory()

    def read(
        self,
        segments: Sequence[TextSegment],
        document: Document,
        scores: Floats,
        amounts: Amounts | None = None,
    ) -> Extraction:
        """Read one receipt.

        Args:
            segments: As they were given to `encode`.
            document: What it made of them.
            scores: (T, 5) probabilities of the classes for each character.
            amounts: Its sums, items and taxes, if they are known already.
        """
        result = Extraction(Fields(), {})
        if not len(document.text):
            return result
        source = Source(segments, document)
        choices = self._choose_runs(document, scores)
        company = self._company(source, scores, choices.get("company"), result)
        self._address(source, scores, choices.get("address"), company, result)
        _doubt_place(result.fields)
        self._date(source, scores, result)
        amounts = amounts or find_amounts_of(Reading(source, scores, self._default_country))
        self._total(source, scores, amounts, result)
        for name in FIELD_NAMES:
            field: ReceiptField | None = getattr(result.fields, name)
            least = self._least_confidence
            if name in choices and choices[name].is_unlikely:
                least *= _UNLIKELY
            if field is not None and field.confidence < least:
                setattr(result.fields, name, None)
        return result

    def _choose_runs(self, document: Document, scores: Floats) -> dict[RankedField, Choice]:
        """Return the likeliest runs of segments for the fields that the scoring has weights for."""
        if not self._scoring.runs or scores.shape[1] < len(CLASSES):
            return {}
        units = build_units(document, scores, find_evidence(document.text))
        known = {name: self._directory.keys(name) for name in self._scoring.runs}
        return choose_runs(document, units, self._scoring.runs, known)

    def _company(self, source: Source, scores: Floats, choice: Choice | None, result: Extraction) -> str | None:
        if choice is not None:
            span = without_branch(source.document, without_caption(source.document, choice.span))
            span = without_empty_brackets(source.document, span)
            parts = clean_name(source.document, span.parts, choice.probability)
            span = replace(span, parts=parts or span.parts)
            sure = source.reading(_lengths(span)) > _SURE
            span = without_mark(source.document, span, self._directory)
            correction = self._directory.company(span.text(source.document), sure=sure)
            logo = None
            if not correction.known and len(self._directory):
                logo = self._find_logo(source.document, scores, span, choice)
            if logo is None and names_nobody(span.text(source.document)):
                return None
            span, correction = logo or (span, correction)
            company = self._text_field("company", source, span, correction, result, choice)
            if company is not None and logo is not None:
                company.confidence = min(max(company.confidence, _LEAST_LOGO), _MOST_LOGO)
            if company is not None and (choice.signs["legal_outside"] or precedes_brackets(source.document, span)):
                company.confidence = min(company.confidence, _MAX_BRAND)
            result.fields.company = company
            return correction.value if correction.known else None
        return self._company_by_rules(source, scores, result)

    def _find_logo(
        self, document: Document, scores: Floats, span: Span, choice: Choice
    ) -> tuple[Span, Correction] | None:
        """Return the brand that the rest of the receipt names, in its usual spelling, where its logo was misread."""
        logo = find_logo(document, span.parts, choice.probability)
        if logo is None or logo.brand is None:
            return None
        part = part_of(document, logo, scores[:, _CLASS["company"]])
        printed = document.text[part.start : part.end]
        spelled = printed if printed.upper() == logo.brand.upper() and not logo.in_site else logo.brand
        return Span((part,), part.score, span.doubt), Correction(spelled, False, spelled != printed)

    def _company_by_rules(self, source: Source, scores: Floats, result: Extraction) -> str | None:
        span = best_span(source.document, scores[:, _CLASS["company"]], skip=0, most=_MOST_COMPANY_PARTS, edge=_EDGE)
        if span is None:
            span = _named_company(source.document, scores[:, _CLASS["company"]])
        if span is None:
            return None
        span = without_caption(source.document, span)
        sure = source.reading(_lengths(span)) > _SURE
        correction = self._directory.company(span.text(source.document), sure=sure)
        if not correction.known:
            span, correction = self._known_part(source.document, span) or (span, correction)
        if not correction.known:
            if self._is_malaysian(source.document):
                span = malaysia.take_legal_name(source.document, span, scores[:, _CLASS["company"]])
            correction = self._directory.company(span.text(source.document), sure=sure)
        result.fields.company = self._text_field("company", source, span, correction, result)
        return correction.value if correction.known else None

    def _is_malaysian(self, document: Document) -> bool:
        return infer_country(document.text, self._default_country).code == malaysia.CODE

    def _known_part(self, document: Document, span: Span) -> tuple[Span, Correction] | None:
        """Return the longest run of parts that names a known company; a brand or an owner may be next to the name."""
        count = len(span.parts)
        clear = {part for part in span.parts if part.score > _CLEAR}
        runs = [span.parts[i:j] for i in range(count) for j in range(i + 1, count + 1) if j - i < count]
        runs = [run for run in runs if clear <= set(run)]
        for parts in sorted(runs, key=lambda run: run[0].start - run[-1].end):
            part = Span(parts, span.score, span.doubt)
            correction = self._directory.company(part.text(document))
            if correction.known:
                return part, correction
        return None

    def _address(
        self, source: Source, scores: Floats, choice: Choice | None, company: str | None, result: Extraction
    ) -> None:
        span: Span | None
        if choice is not None and choice.is_absent:
            return
        if choice is not None:
            country = infer_country(source.document.text, self._default_country).code
            name = result.fields.company.value if result.fields.company is not None else ""
            likely = scores[:, _CLASS["address"]]
            parts = complete_address(source.document, choice.span.parts, likely, country, name)
            span = replace(choice.span, parts=parts) if parts else None
        else:
            probability = scores[:, _CLASS["address"]]
            span = best_span(source.document, probability, skip=1, most=_MOST_ADDRESS_PARTS, edge=_EDGE)
        if span is None:
            return
        text = span.text(source.document)
        sure = source.reading(_lengths(span)) > _SURE
        longer = self._directory.printed_address(letters(source.document.text), letters(text))
        correction = Correction(longer, True, True) if longer else self._directory.address(text, company, sure=sure)
        if not sure and not correction.known and self._is_malaysian(source.document):
            correction = Correction(malaysia.punctuate_address(text), known=False, corrected=False)
        field = self._text_field("address", source, span, correction, result, choice)
        if field is not None:
            printed = [source.document.text[part.start : part.end] for part in span.parts]
            lines = printed if letters(" ".join(printed)) == letters(field.value) else [field.value]
            result.fields.address = build_address(field, lines, source.document.text, self._default_country)

    def _text_field(
        self,
        name: FieldName,
        source: Source,
        span: Span,
        correction: Correction,
        result: Extraction,
        choice: Choice | None = None,
    ) -> ReceiptField | None:
        value = correction.value.strip()
        if not value:
            return None
        places = [part.place for part in span.parts]
        # A value that the directory has was read right, or was corrected.
        reading = 1.0 if correction.known else source.reading(_lengths(span))
        signs = text_signs(value, span.text(source.document), len(places))
        signs["usual"] = self._directory.usual(name, value) if correction.known else 0.0
        if choice is not None:
            signs |= {"network": logit(span.score), "missing": choice.missing, **choice.signs}
        score = span.score if choice is None else choice.probability
        evidence = Evidence(
            score=score,
            doubt=span.doubt,
            known=correction.known,
            reading=reading,
            page=source.page_reading,
            signs=signs,
        )
        result.evidence[name] = evidence
        return ReceiptField(
            value=value,
            confidence=self._scoring.probability(name, evidence),
            corrected=correction.corrected,
            **source.where(places),
        )

    def _date(self, source: Source, scores: Floats, result: Extraction) -> None:
        found = best_date(source.document, scores[:, _CLASS["date"]])
        if found is None:
            return
        told = read_date(found.match, source.document.text, self._default_country, prefer_month_first=self._month_first)
        signs = describe_date(source.document, scores[:, _CLASS["date"]], found)
        value, parts = write_date(source.document, scores[:, _CLASS["date"]], found)
        reading = source.reading(parts)
        evidence = Evidence(score=found.score, reading=reading, page=source.page_reading, signs=signs)
        result.evidence["date"] = evidence
        result.fields.date = DateField(
            value=value,
            iso=told.day.isoformat() if told.day else None,
            ambiguous=told.is_ambiguous,
            confidence=_limit(self._scoring.probability("date", evidence), told),
            **source.where([place for place, _ in parts]),
        )

    def _total(self, source: Source, scores: Floats, amounts: Amounts, result: Extraction) -> None:
        document, probability = source.document, scores[:, _CLASS["total"]]
        found = candidates(document, probability, self._default_country)
        chances = shares(found, self._scoring.total_weights, self._scoring.no_total)
        # The rest of the probability is that of no total.
        if max(chances, default=0.0) <= 1.0 - sum(chances):
            return
        number = int(np.argmax(chances))
        best = found[number].best
        signs = describe_sign(found[number], probability[int(document.start[best.place]) :])
        value = write_value(best, signs, self._scoring.sign)
        country = self._default_country or country_of_brand(result.fields.company)
        field = AmountField(
            value=value,
            amount=str(best.match.amount),
            currency=currency(best.match.sign or find_sign_on_row(best, document.text), document.text, country),
            confidence=0.0,
            **source.where([best.place]),
        )
        evidence = Evidence(
            score=chances[number],
            doubt=1.0 - best.score,
            reading=source.reading([(best.place, len(value))]),
            page=source.page_reading,
            signs={
                **_total_signs(found[number], value, document),
                **describe_agreement(field, amounts),
                "sign_doubt": doubt_sign(signs, self._scoring.sign),
            },
        )
        field.confidence = min(self._scoring.probability("total", evidence), _MAX_DOUBTED if best.doubted else 1.0)
        result.evidence["total"], result.fields.total = evidence, field


def _doubt_place(fields: Fields) -> None:
    """Lower the confidence of a company that is the city of its address: a branch whose name was not read."""
    company, address = fields.company, fields.address
    city = address.city if address is not None else None
    if company is not None and city is not None and letters(company.value) == letters(city):
        company.confidence = min(company.confidence, _MAX_PLACE)


def _limit(confidence: float, reading: DateReading) -> float:
    """Return the confidence of a date that is printed clearly, but may have another reading or none."""
    if reading.day is None:
        return min(confidence, _MAX_IMPOSSIBLE)
    if reading.is_ambiguous:
        return min(confidence, _MAX_AMBIGUOUS)
    return confidence if reading.is_alone else min(confidence, _MAX_DECIDED)


def _named_company(document: Document, probability: Floats) -> Span | None:
    """Return the line with the best reasons to be a name, where the network finds no company."""
    found = find_company_name(document)
    if found is None:
        return None
    score = mean_probability(document, probability, found.start, found.end)
    return Span((Part(found.place, found.start, found.end, score),), score, doubt=1.0)


def _lengths(span: Span) -> list[tuple[int, int]]:
    """Return the place and the number of characters of each part."""
    return [(part.place, part.end - part.start) for part in span.parts]


def text_signs(value: str, printed: str, parts: int) -> dict[str, float]:
    """Return features of the wording of a company or an address that show whether it is right to the character.

    Args:
        value: The answer.
        printed: The reading.
        parts: Number of segments that it consists of.
    """
    return {
        "parts": min(parts, 5) / 5,
        "legal_form": float(next(find_legal_forms(value), None) is not None),
        "postcode": float(bool(_POSTAL_CODE.search(value))),
        "stop_within": float(bool(re.search(r"\w\.\s\w", value))),
        "tight_comma": float(bool(re.search(r",\S", value))),
        "ends_in_stop": float(value.endswith((".", ","))),
        "respelled": float(value != printed),
    }


def _total_signs(candidate: Candidate, value: str, document: Document) -> dict[str, float]:
    """Return what supports a total in addition to its score: features of the candidate and of its sign."""
    signs = dict(zip(FEATURES[1:], candidate.features[1:], strict=True))
    with_sign = not value[:1].isdigit()
    printed_sign = bool(candidate.best.match.sign)
    return {
        **signs,
        "with_sign": float(with_sign),
        "without_its_sign": float(printed_sign and not with_sign),
        "sign_elsewhere": float(any(one.match.sign for one in candidate.prints) and not printed_sign),
        "amounts": min(len(find_amounts(document.text)), 40) / 40,
    }

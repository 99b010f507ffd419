"""An evaluation as one self-contained HTML page: the measures, and pictures of what went wrong.

Works on the records of an evaluation and the pictures of its data set; runs no model. The page loads and runs nothing,
and text from receipts cannot become markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from rapidfuzz.distance import Levenshtein

from quittance.evaluation import errors
from quittance.evaluation.album import Album, Box, enclosing_box
from quittance.evaluation.records import Record
from quittance.evaluation.summary import run_rows, task_rows, trust_rows
from shared.contracts import Fields
from shared.measures.matches import fold

# Keep the page at about 10 MB, so that a browser opens it at once.
_MAX_RECEIPTS, _MAX_MISREAD, _MAX_CONFUSIONS = 40, 60, 25
# Texts of so few letters and digits are found all over a receipt by accident.
_SHORT_CHARACTERS = 3
LABEL_COLOR, ANSWER_COLOR = "#15803d", "#b91c1c"
OUTCOME_COLORS = {
    errors.MISSED: "#b91c1c",
    errors.MERGED: "#c2410c",
    errors.CUT: "#7e22ce",
    errors.UNLABELED: "#1d4ed8",
}


@dataclass(frozen=True)
class WrongField:
    """A wrong field, and a picture of its place as a data URI; None if there is no picture."""

    error: errors.FieldError
    picture: str | None


@dataclass(frozen=True)
class MisreadSegment:
    """A labeled segment with character errors.

    Attributes:
        key: Name of the receipt in its data set.
        label: The labeled text.
        reading: What the recognizer read.
        mistakes: Levenshtein distance between the two.
        box: Place of the segment, in pixels of the picture.
        picture: Data URI; None if there is no picture.
    """

    key: str
    label: str
    reading: str
    mistakes: int
    box: Box
    picture: str | None = None


@dataclass(frozen=True)
class SegmentErrors:
    """A receipt with segments that were not found as labeled: the number per outcome, and its picture."""

    key: str
    counts: Mapping[str, int]
    picture: str | None


def write_report(
    path: Path, records: Sequence[Record], measures: Mapping[str, Any], pictures: Mapping[str, Path], title: str
) -> None:
    """Write the report of an evaluation.

    Args:
        path: The HTML file; its folder is created if needed.
        records: The records of the evaluation.
        measures: The result of `quittance.evaluation.evaluate`.
        pictures: The picture of each receipt, by its key. Receipts without one are listed without a picture.
        title: What was measured.

    Raises:
        OSError: If the file cannot be written.
    """
    album = Album(pictures)
    wrong = _wrong_fields(records, album)
    environment = Environment(
        loader=PackageLoader("quittance"), autoescape=select_autoescape(default=True), trim_blocks=True
    )
    page = environment.get_template("report.html").render(
        title=title,
        models=measures["models"],
        sections=task_rows(measures),
        figures=[*trust_rows(measures), *run_rows(measures)],
        problems=[(record.key, record.problem) for record in records if record.problem],
        fields=wrong,
        reasons=Counter(one.error.reason for one in wrong).most_common(),
        outcomes=sorted(errors.count_segments(records).items()),
        segments=_segment_errors(records, album),
        confusions=_confusions(records),
        misread=_misread_segments(records, album),
        label_color=LABEL_COLOR,
        answer_color=ANSWER_COLOR,
        outcome_colors=OUTCOME_COLORS,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _wrong_fields(records: Sequence[Record], album: Album) -> list[WrongField]:
    by_key = {record.key: record for record in records}
    return [
        WrongField(error, _draw_field(album, by_key[error.key], error)) for error in errors.find_field_errors(records)
    ]


def _draw_field(album: Album, record: Record, error: errors.FieldError) -> str | None:
    """Draw the place of the answer, and that of the label if its text is found on the receipt."""
    # Items have no single place.
    field = record.fields.get(error.field) if error.field in Fields.model_fields else None
    answered = [] if field is None else [enclosing_box(field.quad)]
    marks = [(box, LABEL_COLOR) for box in _find_label(record, error.label, answered[0] if answered else None)]
    marks += [(box, ANSWER_COLOR) for box in answered]
    return album.draw_detail(record.key, marks) if marks else None


def _find_label(record: Record, value: str, answered: Box | None) -> list[Box]:
    """Return the boxes of the segments that hold a labeled value.

    If one segment holds all of it, only that one is returned; of several, the one nearest in height to the answer, or
    to the top of the page without an answer. Otherwise all segments that are part of the value are returned.
    """
    wanted = _letters(value)
    if not wanted:
        return []
    printed = [(enclosing_box(line.quad), _letters(line.text)) for line in record.labels]
    height = answered[1] if answered else 0.0
    whole = sorted((box for box, text in printed if wanted in text), key=lambda box: abs(box[1] - height))
    return whole[:1] or [box for box, text in printed if len(text) > _SHORT_CHARACTERS and text in wanted]


def _letters(text: str) -> str:
    return "".join(character for character in text.upper() if character.isalnum())


def _segment_errors(records: Sequence[Record], album: Album) -> list[SegmentErrors]:
    """Return the receipts with the most segments that were not found as labeled."""
    found = []
    for record in records:
        matches = errors.match_segments(record)
        counts = Counter(outcome for outcome in matches.outcomes if outcome != errors.FOUND)
        if matches.unlabeled:
            counts[errors.UNLABELED] = len(matches.unlabeled)
        if counts:
            found.append((record, matches, counts))
    found.sort(key=lambda one: -one[2].total())
    return [
        SegmentErrors(record.key, counts, _draw_segments(album, record, matches))
        for record, matches, counts in found[:_MAX_RECEIPTS]
    ]


def _draw_segments(album: Album, record: Record, matches: errors.SegmentMatches) -> str | None:
    marks = [
        (enclosing_box(line.quad), OUTCOME_COLORS[outcome])
        for line, outcome in zip(record.labels, matches.outcomes, strict=True)
        if outcome in OUTCOME_COLORS
    ]
    marks += [(enclosing_box(quad), OUTCOME_COLORS[errors.UNLABELED]) for quad in matches.unlabeled]
    return album.draw_page(record.key, marks)


def _confusions(records: Sequence[Record]) -> list[tuple[str, str, str, int]]:
    """Return the most frequent confusions: label, reading, kind, count."""
    return [
        (repr(before), repr(after), errors.classify_confusion(before, after), count)
        for (before, after), count in errors.count_confusions(records).most_common(_MAX_CONFUSIONS)
    ]


def _misread_segments(records: Sequence[Record], album: Album) -> list[MisreadSegment]:
    """Return the labeled segments with the most character errors."""
    found = []
    for record in records:
        for line, reading in zip(record.labels, record.given_boxes, strict=False):
            mistakes = Levenshtein.distance(fold(line.text), fold(reading))
            if mistakes:
                found.append(MisreadSegment(record.key, line.text, reading, mistakes, enclosing_box(line.quad)))
    found.sort(key=lambda one: -one.mistakes)
    return [replace(one, picture=album.draw_detail(one.key, [(one.box, LABEL_COLOR)])) for one in found[:_MAX_MISREAD]]

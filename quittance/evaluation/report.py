"""An evaluation as one HTML page that holds everything: measures, and pictures of what went wrong.

Works on the records of an evaluation and the pictures of its data set; no model is run. The page loads nothing and runs
nothing, and what is printed on receipts cannot become markup.
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape
from PIL import Image, ImageDraw
from rapidfuzz.distance import Levenshtein

from quittance.evaluation import errors
from quittance.evaluation.scores import Record, field_of
from shared.contracts import FIELD_NAMES
from shared.measures.matches import fold

# Bounds for a page that a browser opens at once: about 10 MB with all of them.
_MOST_RECEIPTS, _MOST_MISREAD, _MOST_CONFUSIONS = 40, 60, 25
_CUT_WIDTH, _PAGE_WIDTH = 520, 460
_MARGIN = 0.6
_SHORT = 3  # letters and digits that stand in many texts by accident
_JPEG_QUALITY = 70
RIGHT, ANSWERED = "#15803d", "#b91c1c"
OUTCOMES = {"missed": "#b91c1c", "joined with others": "#c2410c", "cut up or off": "#7e22ce"}
UNLABELED = "#1d4ed8"

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class WrongField:
    """A field that was answered wrongly, and where on the paper; `picture` is a data URI, None if there is none."""

    error: errors.FieldError
    picture: str | None


@dataclass(frozen=True)
class MisreadSegment:
    """A labeled segment that was read otherwise."""

    key: str
    label: str
    read: str
    mistakes: int
    picture: str | None = None


@dataclass(frozen=True)
class SegmentErrors:
    """A receipt with segments that were not found as they are labeled: how many of each outcome, and its picture."""

    key: str
    counts: dict[str, int]
    picture: str | None = None

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


def write_report(
    path: Path, records: Sequence[Record], measures: Mapping[str, Any], pictures: Mapping[str, Path], title: str
) -> None:
    """Writes the report of an evaluation.

    Args:
        path: The HTML file.
        records: What was answered.
        measures: As `quittance.evaluation.evaluate` gives them.
        pictures: The picture of each receipt by its key; what has none is told without.
        title: What was measured.

    Raises:
        OSError: If the file cannot be written.
    """
    album = _Album(pictures)
    by_key = {record.key: record for record in records}
    wrong = errors.field_errors(records)
    reasons = Counter(error.reason for error in wrong)
    confusions = errors.confusions(records).most_common(_MOST_CONFUSIONS)
    page = (
        _environment()
        .get_template("report.html")
        .render(
            title=title,
            measures=measures,
            rows=list(_rows(measures)),
            reasons=reasons.most_common(),
            fields=[WrongField(error, _field_picture(album, by_key[error.key], error)) for error in wrong],
            outcomes=_totals(records),
            segments=[_with_page(album, by_key[one.key], one) for one in _worst(records)],
            confusions=[(repr(a), repr(b), errors.confusion_kind(a, b), count) for (a, b), count in confusions],
            misread=list(_misread(records, album)),
            problems=[(record.key, record.problem) for record in records if record.problem],
            colors={"right": RIGHT, "answered": ANSWERED, "without a label": UNLABELED, **OUTCOMES},
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _environment() -> Environment:
    return Environment(loader=PackageLoader("quittance"), autoescape=select_autoescape(default=True), trim_blocks=True)


def _rows(measures: Mapping[str, Any]) -> Iterator[tuple[str, list[float | None]]]:
    """Name, precision, recall and F1 of each measure that has them."""
    for name, path in (
        ("Task 1, text found (DetEval)", ("task1", "deteval")),
        ("Task 1, text found (IoU 0.5)", ("task1", "iou50")),
        ("Task 2, words read, given boxes", ("task2", "given_boxes")),
        ("Task 2, words read, from pixels", ("task2", "pixels")),
        ("Task 3, fields, given text", ("task3", "given_text", "all")),
        ("Task 3, fields, from pixels", ("task3", "pixels", "all")),
        ("Task 3, from pixels, unseen companies", ("task3", "pixels", "unseen_company")),
        *((f"Task 3, from pixels, {name}", ("task3", "pixels", name)) for name in FIELD_NAMES),
    ):
        measure: Any = measures
        for key in path:
            measure = measure[key]
        yield name, [measure.get("precision"), measure.get("recall"), measure.get("hmean", measure.get("f1"))]


def _field_picture(album: _Album, record: Record, error: errors.FieldError) -> str | None:
    """Where the answer stands, and where the label does, as far as its text is found on the receipt."""
    answer = field_of(record.answered(), error.field)
    answered = [] if answer is None else [_box(answer.quad)]
    marks = [(box, RIGHT) for box in _places_of(record, error.label, answered)]
    marks += [(box, ANSWERED) for box in answered]
    return album.cut_out(record.key, marks) if marks else None


def _places_of(record: Record, value: str, near: Sequence[Box]) -> list[Box]:
    """Where a value is labeled: the nearest segment that holds all of it, else those that are part of it.

    Args:
        record: The receipt.
        value: The label of a field.
        near: Boxes, of which the first tells what is near; none: the top of the page.
    """
    wanted = _letters(value)
    if not wanted:
        return []
    printed = [(_box(line.quad), _letters(line.text)) for line in record.labels]
    height = near[0][1] if near else 0.0
    whole = sorted((box for box, text in printed if wanted in text), key=lambda box: abs(box[1] - height))
    return whole[:1] or [box for box, text in printed if len(text) > _SHORT and text in wanted]


def _letters(text: str) -> str:
    return "".join(character for character in text.upper() if character.isalnum())


def _totals(records: Sequence[Record]) -> list[tuple[str, str, int]]:
    return [(length, outcome, count) for (length, outcome), count in sorted(errors.segment_errors(records).items())]


def _worst(records: Sequence[Record]) -> list[SegmentErrors]:
    """Receipts by how many segments were not found as they are labeled."""
    found = []
    for record in records:
        segments = errors.found_segments(record)
        counts = Counter(outcome for outcome in segments.outcomes if outcome != "found")
        if segments.unlabeled:
            counts["without a label"] = len(segments.unlabeled)
        if counts:
            found.append(SegmentErrors(record.key, dict(counts)))
    return sorted(found, key=lambda one: -one.total)[:_MOST_RECEIPTS]


def _with_page(album: _Album, record: Record, one: SegmentErrors) -> SegmentErrors:
    segments = errors.found_segments(record)
    marks = [
        (_box(line.quad), OUTCOMES[outcome])
        for line, outcome in zip(record.labels, segments.outcomes, strict=True)
        if outcome in OUTCOMES
    ]
    marks += [(_box(quad), UNLABELED) for quad in segments.unlabeled]
    return replace(one, picture=album.page(record.key, marks))


def _misread(records: Sequence[Record], album: _Album) -> Iterator[MisreadSegment]:
    """The labeled segments that were read worst, in their own boxes."""
    found = []
    for record in records:
        for line, read in zip(record.labels, record.given_boxes, strict=False):
            mistakes = Levenshtein.distance(fold(line.text), fold(read))
            if mistakes:
                found.append((MisreadSegment(record.key, line.text, read, mistakes), _box(line.quad)))
    for one, box in sorted(found, key=lambda pair: -pair[0].mistakes)[:_MOST_MISREAD]:
        yield replace(one, picture=album.cut_out(one.key, [(box, RIGHT)]))


def _box(quad: Any) -> Box:
    points = np.asarray(quad, np.float64).reshape(-1, 2)
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


class _Album:
    """Pictures of receipts with boxes drawn on them, as data URIs.

    Args:
        paths: The picture of each receipt by its key.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths
        self._open = lru_cache(maxsize=4)(self._read)

    def page(self, key: str, marks: Sequence[tuple[Box, str]]) -> str | None:
        """The whole page; None if there is no picture."""
        picture = self._open(key)
        return None if picture is None else _drawn(picture, (0, 0, *picture.size), marks, _PAGE_WIDTH)

    def cut_out(self, key: str, marks: Sequence[tuple[Box, str]]) -> str | None:
        """What is around the boxes, over the whole width of the boxes and a little more; None if no picture."""
        picture = self._open(key)
        if picture is None:
            return None
        boxes = np.array([box for box, _ in marks])
        margin = _MARGIN * float(np.median(boxes[:, 3] - boxes[:, 1])) + 4
        x0, y0 = np.maximum(boxes[:, :2].min(axis=0) - margin, 0)
        x1, y1 = np.minimum(boxes[:, 2:].max(axis=0) + margin, picture.size)
        if x1 - x0 < 1 or y1 - y0 < 1:
            return None
        return _drawn(picture, (int(x0), int(y0), int(np.ceil(x1)), int(np.ceil(y1))), marks, _CUT_WIDTH)

    def _read(self, key: str) -> Image.Image | None:
        path = self._paths.get(key)
        try:
            # EXIF is ignored as the labels ignore it; see `shared.learning.dataset`.
            with Image.open(path) as image:  # type: ignore[arg-type]
                return image.convert("RGB")
        except (OSError, AttributeError):
            return None


def _drawn(picture: Image.Image, area: tuple[int, int, int, int], marks: Sequence[tuple[Box, str]], width: int) -> str:
    left, top, right, bottom = area
    scale = min(1.0, width / (right - left))
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    cut = picture.crop(area).resize(size, Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(cut)
    for (x0, y0, x1, y1), color in marks:
        corners = [(x0 - left) * scale, (y0 - top) * scale, (x1 - left) * scale, (y1 - top) * scale]
        pen.rectangle(corners, outline=color, width=2)
    data = io.BytesIO()
    cut.save(data, "JPEG", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()

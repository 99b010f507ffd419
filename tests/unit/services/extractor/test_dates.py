"""What supports a date, and how sure an answer may be."""

from __future__ import annotations

import numpy as np
import pytest

from services.extractor.dates import best_date, describe_date
from services.extractor.encoding import Document, TextSegment, encode
from services.extractor.fields import FieldReader
from services.extractor.scoring import Scoring
from shared.contracts import FIELD_NAMES

DATE = 1 + FIELD_NAMES.index("date")


def segments(*rows: str) -> list[TextSegment]:
    quads = [np.array([(0, y), (250, y), (250, y + 20), (0, y + 20)], np.float32) for y in range(0, 400, 40)]
    return [TextSegment(quad, text) for quad, text in zip(quads, rows, strict=False)]


def scores(document: Document, date: str) -> np.ndarray:
    """Return the probabilities of a network that is sure of the first print of a date."""
    result = np.full((len(document.text), 5), 0.01, np.float32)
    at = document.text.index(date)
    result[at : at + len(date), DATE] = 0.96
    return result


def test_describes_what_supports_a_date() -> None:
    document = encode(segments("DATE 25/12/2018", "25/12/2018 18:00", "DUE 03/01/2019"))
    probability = scores(document, "25/12/2018")[:, DATE]
    found = best_date(document, probability)
    assert found is not None
    assert describe_date(document, probability, found) == {
        "impossible": 0.0,
        "year_of_two": 0.0,
        "two_readings": 0.0,
        "announced": 1.0,
        "again": 1.0,
        "runner_up": pytest.approx(0.01, abs=0.001),
    }


@pytest.mark.parametrize(("printed", "most"), [("03/04/2018", 0.97), ("03/13/2018", 1.0)])
def test_dates_with_two_readings_are_never_nearly_certain(printed: str, most: float) -> None:
    """Even where the rest of the receipt decides, as here the state does."""
    sure = Scoring(confidence={name: {"bias": 9.0} for name in FIELD_NAMES})
    given = segments("12 Main St, Austin, TX 78765", printed)
    document = encode(given)
    date = FieldReader(sure).read(given, document, scores(document, printed)).fields.date
    assert date is not None
    assert not date.ambiguous
    assert most - 0.01 < date.confidence <= most

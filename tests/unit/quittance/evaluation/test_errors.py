import pytest

from quittance.evaluation.errors import confusion_kind, confusions, field_errors, reason, segment_errors
from quittance.evaluation.scores import LabeledLine, Record
from shared.contracts import Fields, Line, Models, Page, Receipt, ReceiptField, Timings

MODELS = Models(detector="d", recognizer="r", extractor="e")
TIMINGS = Timings(decode=0, detect=0, recognize=0, extract=0)


def quad(x0: float, y0: float, x1: float, y1: float) -> tuple[tuple[float, float], ...]:
    return (x0, y0), (x1, y0), (x1, y1), (x0, y1)


def record(labels: dict[tuple[float, ...], str], found: dict[tuple[float, ...], str], **more: object) -> Record:
    lines = [Line(quad=quad(*box), text=text, confidence=0.9) for box, text in found.items()]
    company = ReceiptField(value="SHOP SDN", confidence=0.8, quad=quad(0, 0, 9, 9), lines=[0])
    receipt = Receipt(
        id="0" * 32,
        pages=[Page(width=100, height=100, rotation=0)],
        fields=Fields(company=company),
        lines=lines,
        models=MODELS,
        timings_ms=TIMINGS,
    )
    labeled = [LabeledLine(quad=quad(*box), text=text) for box, text in labels.items()]
    entities = {"company": "SHOP SDN BHD", "date": "", "address": "", "total": "9.00"}
    return Record(key="a", labels=labeled, entities=entities, receipt=receipt, **more)


@pytest.mark.parametrize(
    ("label", "answer", "why"),
    [
        ("SHOP SDN BHD", "", "not found"),
        ("", "SHOP", "not on the receipt"),
        ("NO. 1, JALAN A", "NO 1. JALAN A", "punctuation or spaces"),
        ("RM 9.00", "9.00", "currency sign"),
        ("SHOP SDN BHD", "SHOP SDN", "part missing"),
        ("SHOP SDN BHD", "THE SHOP SDN BHD", "too much taken"),
        ("SHOP SDN BHD", "SH0P SDN BHO", "misread"),
        ("9.00", "12.50", "something else"),
    ],
)
def test_reasons(label: str, answer: str, why: str) -> None:
    assert reason(label, answer) == why


def test_wrong_fields_are_listed_the_surest_first() -> None:
    wrong = field_errors([record({}, {})])
    assert [(error.field, error.reason) for error in wrong] == [("company", "part missing"), ("total", "not found")]


def test_segments_are_found_joined_cut_or_missed() -> None:
    labels = {(0, 0, 50, 10): "SHOP", (60, 0, 70, 10): "A", (0, 20, 20, 30): "QTY", (22, 20, 40, 30): "PRICE"}
    labels[0, 60, 40, 70] = "TOTAL"
    found = {(0, 0, 50, 10): "", (0, 20, 40, 30): "", (30, 60, 40, 70): "", (0, 80, 20, 90): ""}
    counts = segment_errors([record(labels, found)])
    assert counts["longer", "found"] == 2  # QTY is matched by the box it shares
    assert counts["1 or 2 characters", "missed"] == 1
    assert counts["longer", "joined with others"] == 1
    assert counts["longer", "cut up or off"] == 1
    assert counts["", "found without a label"] == 1


def test_confusions_are_counted_without_regard_to_case() -> None:
    one = record({(0, 0, 50, 10): "No. 10, A"}, {}, given_boxes=["NO.1O. A"])
    counts = confusions([one])
    assert counts == {(" ", ""): 1, ("0", "O"): 1, (",", "."): 1}
    assert {confusion_kind(*pair) for pair in counts} == {"spaces", "look-alikes", "punctuation"}

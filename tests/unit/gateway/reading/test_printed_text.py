"""Text layers of PDFs replace readings that confirm them, and no others."""

from __future__ import annotations

import pytest

from gateway.documents.text_layer import TextLayer
from gateway.reading.printed_text import confirms, use_text_layer
from shared.contracts import Line, Quad

WIDTH, HEIGHT = 10, 20


def build_layer(*words: tuple[str, int, int]) -> TextLayer:
    """Return a layer of words with their left and top; characters are 10 x 20 pixels."""
    characters: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    for text, left, top in words:
        for number, character in enumerate(text):
            characters.append(character)
            boxes.append((left + number * WIDTH, top, left + (number + 1) * WIDTH, top + HEIGHT))
        characters.append(" ")
        boxes.append((0, 0, 0, 0))
    return TextLayer(tuple(characters), tuple(boxes))


def find_line(text: str, left: int, top: int, confidence: float = 0.99, length: int | None = None) -> Line:
    """Return a line as it is read: its quad is a little larger than the print."""
    right = left + (length or len(text)) * WIDTH + 3
    quad: Quad = ((left - 3, top - 2), (right, top - 2), (right, top + HEIGHT + 2), (left - 3, top + HEIGHT + 2))
    return Line(quad=quad, text=text, confidence=confidence)


def test_takes_characters_and_position_from_the_layer() -> None:
    layer = build_layer(("Café", 20, 40), ("Étoile", 70, 40), ("12.50", 300, 40))
    cafe, total = use_text_layer([find_line("CAFE ETOILE", 20, 40, 0.9), find_line("12.50", 300, 40)], layer)
    assert (cafe.text, cafe.confidence) == ("Café Étoile", 1.0)
    assert cafe.quad == ((20, 40), (130, 40), (130, 60), (20, 60))
    assert total.text == "12.50"


def test_corrects_uncertain_letters_but_never_digits() -> None:
    layer = build_layer(("Wohnzimmerlampe", 20, 40), ("19.99", 300, 40))
    lamp, price = use_text_layer(
        [find_line("Wohnzirnmerlampe", 20, 40, 0.6, length=15), find_line("19.89", 300, 40, 0.6)], layer
    )
    assert (lamp.text, lamp.confidence) == ("Wohnzimmerlampe", 0.95)
    assert (price.text, price.confidence) == ("19.89", 0.6)


def test_takes_spaces_that_were_read_where_the_document_only_moves_on() -> None:
    layer = build_layer(("SampleShop", 20, 40))
    # A gap of a quarter of the height before the second word.
    apart = [(x0 + 5 * (index > 5), y0, x1 + 5 * (index > 5), y1) for index, (x0, y0, x1, y1) in enumerate(layer.boxes)]
    layer = TextLayer(layer.characters, tuple(apart))
    (shop,) = use_text_layer([find_line("SAMPLE SHOP", 20, 40)], layer)
    assert shop.text == "Sample Shop"
    # Where the characters touch, no space is printed.
    (shop,) = use_text_layer([find_line("SAMP LESHOP", 20, 40)], layer)
    assert shop.text == "SampleShop"


def test_false_and_invisible_layers_change_nothing() -> None:
    lines = [find_line("ACME STORES", 20, 40), find_line("TOTAL", 20, 80), find_line("5.00", 300, 80)]
    false = build_layer(("ACNE STORES", 20, 40), ("TOTAL", 20, 380), ("50.00", 300, 80), ("PAID", 20, 200))
    assert use_text_layer(lines, false) == lines


@pytest.mark.parametrize(
    ("reading", "confidence", "printed", "confirmed"),
    [
        ("TOTAL EUR", 0.99, "Total  EUR", True),
        ("Zażółć", 0.99, "Zazolc", False),  # the slashed letter is a letter of its own
        ("SMITH'S", 0.99, "Smith’s", True),
        ("12.50", 0.5, "1250", False),
        ("TOTAL", 0.5, "TOTAL 9", False),
        ("HAMBURGER", 0.5, "HAMBURGFR", True),
        ("HAMBURGER", 0.99, "HAMBURGFR", False),
        ("12 MAR 2025", 0.5, "12 MAY 2025", False),
        ("TOTAL USD 9.00", 0.5, "TOTAL EUR 9.00", False),
        ("HAMBURGER", 0.5, "CHEESE", False),
        ("", 0.5, "TOTAL", False),
        ("TOTAL", 0.5, "", False),
    ],
)
def test_confirms_the_same_print(reading: str, confidence: float, printed: str, confirmed: bool) -> None:
    assert confirms(reading, confidence, printed) is confirmed


def test_keeps_the_quad_of_slanted_text() -> None:
    line = find_line("TOTAL", 20, 40)
    slanted = line.model_copy(update={"quad": ((18, 40), (72, 46), (71, 66), (17, 60)), "confidence": 0.9})
    (used,) = use_text_layer([slanted], build_layer(("Total", 20, 43)))
    assert (used.text, used.quad) == ("Total", slanted.quad)


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {"characters": ["A"]},
        {"characters": ["A"], "boxes": []},
        {"characters": ["A"], "boxes": [[0, 0, 1]]},
        {"characters": ["A"], "boxes": [[0, 0, 1, "NaN"]]},
        {"characters": ["A"], "boxes": [[0, 0, 1, 1e9]]},
        {"characters": ["\n"], "boxes": [[0, 0, 1, 1]]},
        {"characters": ["ABCDE"], "boxes": [[0, 0, 1, 1]]},
        {"characters": ["A"] * 20_001, "boxes": [[0, 0, 1, 1]] * 20_001},
    ],
)
def test_rejects_layers_that_are_not_valid(values: object) -> None:
    assert TextLayer.from_json(values) is None


def test_passes_through_json() -> None:
    layer = build_layer(("ﬁ", 20, 40))
    assert TextLayer.from_json(layer.to_json()) == layer

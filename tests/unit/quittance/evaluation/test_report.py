"""The HTML report of an evaluation."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quittance.evaluation.errors import MISSED
from quittance.evaluation.evaluate import rescore
from quittance.evaluation.records import Record
from quittance.evaluation.report import ANSWER_COLOR, LABEL_COLOR, OUTCOME_COLORS, write_report

QUAD = [[20, 20], [180, 20], [180, 40], [20, 40]]
TOTAL = [[120, 250], [180, 250], [180, 270], [120, 270]]


def make_record(key: str = "a", **more: object) -> Record:
    receipt = {
        "id": "0" * 32,
        "pages": [{"width": 200, "height": 300}],
        "fields": {
            "company": {"value": "<b>SH0P</b>", "confidence": 0.9, "quad": QUAD, "lines": [0]},
            "total": {
                "value": "9.00", "amount": "9.00", "currency": None, "confidence": 0.8, "quad": TOTAL, "lines": [1],
            },
        },
        "lines": [{"quad": QUAD, "text": "<b>SH0P</b>", "confidence": 0.9}],
        "models": {"detector": "ctpn-1", "recognizer": "crnn-1", "extractor": "charlstm-1"},
        "timings_ms": {"decode": 1, "detect": 1, "recognize": 1, "extract": 1},
    }  # fmt: skip
    content = {
        "key": key,
        "labels": [{"quad": QUAD, "text": "<b>SHOP</b>"}, {"quad": TOTAL, "text": "9.00"}],
        "entities": {"company": "<b>SHOP</b>", "date": "", "address": "", "total": "9.00"},
        "given_boxes": ["<b>SH0P</b>", "9.00"],
        "receipt": receipt,
        "seconds": 0.5,
    }
    return Record.model_validate(content | more)


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "img":
            self.images.append(dict(attributes))

    def handle_data(self, data: str) -> None:
        self.text += data


def picture(data_uri: str | None) -> Image.Image:
    assert data_uri is not None
    kind, data = data_uri.split(",")
    assert kind == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def has_color(image: Image.Image, color: str) -> bool:
    distances = np.abs(np.asarray(image, np.int16) - np.frombuffer(bytes.fromhex(color[1:]), np.uint8))
    return bool((distances.max(axis=2) < 60).any())


@pytest.fixture
def page(tmp_path: Path) -> Page:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (200, 300), "white").save(path)
    records = [make_record(), make_record("gone")]
    write_report(tmp_path / "new" / "report.html", records, rescore(records), {"a": path}, "8 < 9 receipts")
    text = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)  # self-contained
    return Page(text)


def test_shows_measures_fields_segments_and_characters(page: Page) -> None:
    assert "8 < 9 receipts" in page.text
    assert re.search(r"Task 1, text localization: IoU 0.5\s*1.0000\s*0.5000", page.text)
    assert re.search(r"label\s*<b>SHOP</b>\s*answer\s*<b>SH0P</b>\s*confidence\s*90%\s*reason\s*misread", page.text)
    assert re.search(r"'O'\s*'0'\s*look-alikes\s*2", page.text)
    assert "1 missed" in page.text
    assert {"b", "script"} & page.tags == set()  # text from receipts is not markup


def test_draws_errors_and_lists_receipts_without_a_picture(page: Page) -> None:
    of_a = [image for image in page.images if "gone" not in str(image["alt"])]
    assert of_a == page.images
    field, segments, misread = page.images
    cut = picture(field["src"])
    assert cut.height < 60  # the area around the company, not the whole page
    assert has_color(cut, LABEL_COLOR) or has_color(cut, ANSWER_COLOR)
    whole = picture(segments["src"])
    assert whole.size == (200, 300)
    assert has_color(whole, OUTCOME_COLORS[MISSED])
    assert picture(misread["src"]).height < 60
    assert "of gone" in page.text


def test_writes_a_page_without_errors(tmp_path: Path) -> None:
    good = make_record(labels=[{"quad": QUAD, "text": "A"}], given_boxes=["A"], entities={"company": "<b>SH0P</b>"})
    good.fields.total = None
    write_report(tmp_path / "report.html", [good], rescore([good]), {}, "good")
    text = Page((tmp_path / "report.html").read_text()).text
    assert "All fields are correct." in text
    assert "Wrong fields (0)" in text

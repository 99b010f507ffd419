"""Codes on pages."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import zxingcpp

from gateway.codes.finding import find_codes
from synthesis.codes.drawing import append_code, draw_code

TEXT = "_R1-AT1_DEMO-CASH-BOX524_366587_2015-12-17T11:23:44_34,85_10,00_0,00_5,00_0,00_0oSVXqtXw+4=_6f3ac11d"


def paper(height: int = 400, width: int = 400) -> np.ndarray:
    return np.full((height, width), 255, np.uint8)


def test_finds_a_qr_code_where_it_is() -> None:
    page = append_code(paper(), draw_code(TEXT, 3))
    (code,) = find_codes(page)
    assert (code["format"], code["text"]) == ("qr_code", TEXT)
    corners = np.array(code["quad"])
    assert corners[:, 1].min() > 400
    assert (np.roll(corners, -1, axis=0) - corners)[0][0] > 100  # along the top, to the right


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_finds_turned_codes(turns: int) -> None:
    page = np.ascontiguousarray(np.rot90(append_code(paper(), draw_code(TEXT, 3)), turns))
    (code,) = find_codes(page)
    assert code["text"] == TEXT


def test_finds_barcodes_on_large_pages() -> None:
    barcode = draw_code("4006381333931", 6, kind=zxingcpp.BarcodeFormat.EAN13)
    page = append_code(paper(3000, 2000), np.repeat(barcode, 4, axis=0))
    (code,) = find_codes(page)
    assert (code["format"], code["text"]) == ("ean_13", "4006381333931")
    assert np.array(code["quad"])[:, 1].min() > 2_900


@pytest.mark.parametrize("side", [400, 1_600])
def test_reads_small_blurred_codes(side: int) -> None:
    code = draw_code(TEXT, 2.0)
    blurred = np.asarray(cv2.GaussianBlur(code, (0, 0), 1.1), np.uint8)
    page = append_code(paper(side, side), blurred)
    (found,) = find_codes(page)
    assert found["text"] == TEXT
    corners = np.array(found["quad"])
    left, top = (side - code.shape[1]) / 2, side + 12
    # Within the quiet zone of four modules.
    assert np.abs(corners[0] - (left + 8, top + 8)).max() < 8
    assert np.abs(corners[2] - (left + code.shape[1] - 8, top + code.shape[0] - 8)).max() < 8


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_finds_turned_barcodes_where_they_are(turns: int) -> None:
    barcode = draw_code("4006381333931", 3, kind=zxingcpp.BarcodeFormat.EAN13)
    upright = append_code(paper(), np.repeat(barcode, 2, axis=0))
    (code,) = find_codes(np.ascontiguousarray(np.rot90(upright, -turns)))
    assert code["text"] == "4006381333931"
    corners = np.array(code["quad"])
    along, down = corners[1] - corners[0], corners[3] - corners[0]
    expected = [(1, 0), (0, 1), (-1, 0), (0, -1)]
    assert np.allclose(along / np.linalg.norm(along), expected[turns], atol=0.05)
    assert np.allclose(down / np.linalg.norm(down), expected[(turns + 1) % 4], atol=0.05)


def test_bytes_that_are_not_text_are_kept() -> None:
    barcode = zxingcpp.create_barcode(bytes(range(128, 160)), zxingcpp.BarcodeFormat.QRCode)
    drawn = np.array(zxingcpp.write_barcode_to_image(barcode, scale=4, add_quiet_zones=True))
    (code,) = find_codes(drawn)
    assert code["text"].encode("latin-1") == bytes(range(128, 160))


def test_limits_the_number_of_codes() -> None:
    code = draw_code("123456", 3)
    page = np.vstack([np.hstack([code] * 5)] * 5)
    assert len(find_codes(page)) == 16


def test_finds_nothing_on_text_and_noise() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (600, 400), np.uint8)
    page = paper()
    cv2.putText(page, "TOTAL 9.00", (20, 200), cv2.FONT_HERSHEY_SIMPLEX, 1, 0)
    assert (find_codes(noise), find_codes(page)) == ([], [])

"""Test synthetic receipts: reproducibility, arithmetic, labels and geometry."""

from __future__ import annotations

import hashlib
import random
import re
from decimal import Decimal
from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.learning.dataset import load_split
from synthesis import generate, render_receipt
from synthesis.__main__ import main
from synthesis.content.purchase import Item, Purchase, draw_purchase
from synthesis.content.receipt import draw_content
from synthesis.photography.photograph import PictureStyle
from synthesis.photography.warp import Warp, build_homography, build_zero_field, draw_field
from synthesis.printing.layout import Printed, draw_layout
from synthesis.printing.rendering import render_strip
from synthesis.printing.sheet import Sheet, group_segments
from synthesis.printing.typography import FACES, FONT_FOLDER, NEEDLE_FACES, PLAIN, Face, render_text

CLEAN = PictureStyle("scan", 0.0, 24.0)


def test_same_seed_gives_same_receipt() -> None:
    first, again, other = (render_receipt(seed, style=CLEAN) for seed in (7, 7, 8))
    assert np.array_equal(first.image, again.image)
    assert first.entities == again.entities
    assert [s.text for s in first.segments] == [s.text for s in again.segments]
    assert first.image.shape != other.image.shape or not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("seed", range(12))
def test_text_contains_entities(seed: int) -> None:
    chance = random.Random(seed)
    printed = draw_layout(chance, draw_content(chance))
    lines = [" ".join(run.text for run in runs) for runs in group_segments(printed.sheet)]
    text = "".join("".join(lines).split())
    for name, value in printed.entities.items():
        assert "".join(value.split()) in text, (name, value, lines)
    assert re.search(r"\d", printed.entities["total"])


def test_some_receipts_lack_a_field() -> None:
    fields = []
    for seed in range(400):
        content = draw_content(random.Random(seed), "MY")
        fields.append((content.date, content.merchant.address))
    assert 0 < sum(not date for date, _ in fields) < 40
    assert 0 < sum(not address for _, address in fields) < 40


def test_purchases_add_up() -> None:
    rng = random.Random(3)
    for included in (True, False):
        for _ in range(200):
            bought = draw_purchase(
                rng,
                ("TEA", "RICE"),
                ("",),
                tax_rate=Decimal(6),
                tax_included=included,
                round_to=5,
                methods=("CASH", "VISA"),
                service_rate=rng.choice((0, 10)),
            )
            due = sum(i.quantity * i.unit_price - i.discount for i in bought.items) + bought.service
            due += 0 if included else bought.tax
            assert bought.total == due + bought.rounding
            assert abs(bought.rounding) <= 2
            assert bought.total % 5 == 0
            assert bought.net + bought.tax == due
            assert bought.change == bought.tendered - bought.total >= 0
            assert bought.method == "CASH" or bought.change == 0


def test_tax_is_rate_of_net_amount() -> None:
    item = Item("TEA", "1", 1, 10600, 0)
    inside = Purchase((item,), 0, Decimal(6), True, 0, 5, 10600, "CASH")
    assert (inside.net, inside.tax, inside.total) == (10000, 600, 10600)
    on_top = Purchase((item,), 0, Decimal(6), False, 0, 5, 20000, "CASH")
    assert (on_top.tax, on_top.rounding, on_top.total, on_top.change) == (636, -1, 11235, 8765)


@pytest.mark.parametrize(
    ("country", "text"), [("MY", "RM1,234.50"), ("US", "$1,234.50"), ("UK", "£1,234.50"), ("EU", None)]
)
def test_formats_amounts_by_country(country: str, text: str | None) -> None:
    content = draw_content(random.Random(1), country)
    written = content.format_amount(123450, symbol=content.country.symbol)
    assert written == (text or ("1.234,50€" if content.country.decimal_comma else "€1,234.50"))
    assert content.format_amount(-2) in {"-0.02", "-0,02"}


def test_only_wide_gap_splits_row_into_segments() -> None:
    face = Face("terminus-normal.otb", None, 24)
    sheet = Sheet(face, 600, 10)
    sheet.print_at("TEA", 0)
    sheet.print_at("2", 4 * 12)
    sheet.print_at("5.00", 600, "right")
    sheet.print_at("-----", 200, labeled=False)
    assert [" ".join(run.text for run in runs) for runs in group_segments(sheet)] == ["TEA 2", "5.00"]


def test_cells_of_row_do_not_overlap() -> None:
    sheet = Sheet(Face("terminus-normal.otb", None, 24), 240, 10)
    sheet.print_row([("A LONG NAME OF A", 0, "left"), ("1,000.00", 240, "right")])
    first, second = sheet.runs
    assert second.y > first.y


@pytest.mark.parametrize(
    "face", [*(face for face, _ in FACES), *NEEDLE_FACES], ids=lambda face: f"{face.regular}-{face.size}"
)
def test_faces_print_every_character_of_sroie(face: Face) -> None:
    for character in "ABCZ019.:-(),/%*@&$#'!=+\"[]?~_;^><|\\{}`":
        drawn = render_text(face, PLAIN, character)
        assert drawn is not None
        assert drawn.mask.max() > 0.5, character


def test_open_zero_has_no_slash() -> None:
    slashed = Face("terminus-normal.otb", None, 24)
    plain = Face("terminus-normal.otb", None, 24, open_zero=True)
    a, b = render_text(slashed, PLAIN, "0"), render_text(plain, PLAIN, "0")
    assert a is not None
    assert b is not None
    assert b.mask.shape[1] < a.mask.shape[1]
    assert a.mask[4:-4, 3:-3].any()
    assert not b.mask[4:-4, 2:-2].any()
    assert b.mask[4:-4, 0].all()
    assert b.mask[4:-4, -1].all()


def _probe(text: str) -> Printed:
    sheet = Sheet(Face("LiberationSans-Regular.ttf", None, 24), 400, 60)
    sheet.advance(1)
    sheet.print_at(text, 40)
    sheet.advance(6)
    return Printed(sheet, {}, needle=False)


@pytest.mark.parametrize("needle", [False, True])
def test_box_encloses_ink_with_margin(needle: bool) -> None:
    printed = _probe("TOTAL 12.50")
    strip = render_strip(random.Random(1), Printed(printed.sheet, {}, needle))
    rows, columns = np.nonzero(strip.ink > 0.3)
    x0, y0, x1, y1 = strip.boxes[0]
    assert strip.texts == ("TOTAL 12.50",)
    assert x0 < columns.min() < columns.max() + 1 < x1
    assert y0 < rows.min() < rows.max() + 1 < y1
    height = rows.max() + 1 - rows.min()
    assert max(rows.min() - y0, y1 - rows.max() - 1) < 0.3 * height
    assert np.allclose(strip.tight[0], (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), atol=2)


@pytest.mark.parametrize(("kind", "seed"), [("scan", 0), ("scan", 1), ("a4", 1), ("photo", 0), ("photo", 1)])
def test_quads_match_ink_of_picture(kind: str, seed: int) -> None:
    """Pixels inside the quads are darker than their surroundings, after all distortions."""
    receipt = render_receipt(f"ink {seed}", style=PictureStyle(kind, 0.1, 26.0))
    gray = cv2.cvtColor(receipt.image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    local = cv2.GaussianBlur(gray, (0, 0), 40)
    dark = (gray < local - 25).astype(np.float32)
    inside = np.zeros(gray.shape, np.uint8)
    for segment in receipt.segments:
        cv2.fillPoly(inside, [segment.quad.round().astype(np.int32)], 1)
    hit = [_share(dark, quad) for quad in receipt.tight]
    assert min(hit) > 0.02
    assert np.median(hit) > 0.12
    assert all((s.quad >= 0).all() and (s.quad < gray.shape[::-1]).all() for s in receipt.segments)


def _share(dark: np.ndarray, quad: np.ndarray) -> float:
    mask = np.zeros(dark.shape, np.uint8)
    cv2.fillPoly(mask, [quad.round().astype(np.int32)], 1)
    return float(dark[mask > 0].mean())


def _crumpled() -> Warp:
    rng = np.random.default_rng(4)
    paper = (300, 500)
    matrix, (width, height) = build_homography(paper, 1.3, 4.0, rng.normal(0, 0.03, (4, 2)), (12, 7))
    return Warp(matrix, draw_field(rng, paper, 1.5, 120), paper, (round(width) + 20, round(height) + 20))


def test_picture_and_labels_use_same_geometry() -> None:
    """A dot drawn through the inverse maps appears where the forward mapping puts it."""
    warp = _crumpled()
    map_x, map_y = warp.build_inverse_maps()
    for point in ((40.0, 60.0), (250.0, 90.0), (150.0, 250.0), (60.0, 450.0), (270.0, 470.0)):
        paper = np.zeros((500, 300), np.float32)
        cv2.circle(paper, (int(point[0]), int(point[1])), 3, 1.0, -1)
        page = cv2.remap(paper, map_x, map_y, cv2.INTER_LINEAR)
        rows, columns = np.nonzero(page > 0.5)
        expected = warp.map_points(np.array([point], np.float32))[0]
        assert np.abs(np.array([columns.mean(), rows.mean()]) - expected).max() < 0.6


def test_flat_warp_moves_boxes_exactly() -> None:
    matrix, (width, height) = build_homography((100, 200), 2.0, 0.0, np.zeros((4, 2)), (10.0, 20.0))
    warp = Warp(matrix, build_zero_field(), (100, 200), (250, 450))
    assert (width, height) == pytest.approx((200, 400))
    quads = warp.map_boxes(np.array([[10, 20, 40, 30]], np.float32))
    assert np.allclose(quads[0], [[30, 60], [90, 60], [90, 80], [30, 80]], atol=1e-3)
    assert warp.map_boxes(np.zeros((0, 4), np.float32)).shape == (0, 4, 2)


def test_turned_quads_run_clockwise_from_top_left_of_text() -> None:
    matrix, _ = build_homography((100, 200), 1.0, 90.0, np.zeros((4, 2)), (0.0, 0.0))
    warp = Warp(matrix, build_zero_field(), (100, 200), (200, 100))
    quad = warp.map_boxes(np.array([[10, 20, 40, 30]], np.float32))[0]
    # A quarter turn counterclockwise: text runs upward, so its top left corner is at the bottom left.
    assert np.allclose(quad, [[20, 90], [20, 60], [30, 60], [30, 90]], atol=1e-2)


def test_generate_writes_data_set(tmp_path: Path) -> None:
    generate(tmp_path / "a", 3, seed=5, validation_share=0.34)
    assert main(["generate", "--out", str(tmp_path / "b"), "--count", "2", "--seed", "5"]) == 0
    train, validation = (load_split(tmp_path / "a", split) for split in ("train", "validation"))
    assert (len(train), len(validation)) == (2, 1)
    again = load_split(tmp_path / "b", "all")
    for ours, theirs in zip(train, again, strict=True):
        assert ours.key == theirs.key
        assert ours.entities == theirs.entities
        assert np.array_equal(ours.read_image(), theirs.read_image())
        height, width = ours.read_image().shape[:2]
        assert ((ours.quads >= 0) & (ours.quads <= (width, height))).all()


def test_generate_rejects_numbers_out_of_range(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        generate(tmp_path, 0, seed=1)
    with pytest.raises(ValueError, match="validation_share"):
        generate(tmp_path, 1, seed=1, validation_share=1.0)


def test_fonts_match_their_table() -> None:
    table = (FONT_FOLDER / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"\| `([^`]+)` \|.*`([0-9a-f]{64})`", table))
    files = {path.name: path for path in FONT_FOLDER.iterdir() if path.suffix in {".ttf", ".otf", ".otb"}}
    assert listed.keys() == files.keys()
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name]
    for license in re.findall(r"\]\((licenses/[^)]+)\)", table):
        assert (FONT_FOLDER / license).stat().st_size > 1000
    assert sum(path.stat().st_size for path in files.values()) < 4_000_000

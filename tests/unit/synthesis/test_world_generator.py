"""Test rendering the receipts of many countries."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from shared.learning.dataset import load_split
from synthesis.codes.world import STANDARDS, write_code
from synthesis.photography.photograph import PictureStyle
from synthesis.world.countries import CountryError
from synthesis.world.receipt import make_receipt
from synthesis.world_generator import generate_world, parse_shares, render_world_receipt

_CLEAN = PictureStyle("scan", 0.0, 24.0)


def test_label_is_what_the_country_prints() -> None:
    receipt = render_world_receipt("label", {"PL": 1.0}, style=_CLEAN)
    again = render_world_receipt("label", {"PL": 1.0}, style=_CLEAN)
    assert np.array_equal(receipt.image, again.image)
    made = make_receipt(random.Random("world receipt label").getrandbits(48), shares={"PL": 1.0})
    printed = "".join(segment.text for segment in made.segments)
    assert receipt.entities["total"] in printed
    assert receipt.entities["company"]
    assert {c for segment in receipt.segments for c in segment.text} <= set(printed)


def test_scattering_changes_the_text() -> None:
    plain = render_world_receipt(5, {"US": 1.0}, style=_CLEAN)
    scattered = render_world_receipt(5, {"US": 1.0}, style=_CLEAN, scattered=1.0)
    assert "".join(segment.text for segment in plain.segments).isascii()
    assert not "".join(segment.text for segment in scattered.segments).isascii()


def test_writes_receipts_of_countries(tmp_path: Path) -> None:
    generate_world(tmp_path, 1, seed=4, validation_share=0.0, shares={"TR": 1.0}, scattered=1.0)
    (receipt,) = load_split(tmp_path, "train")
    assert receipt.key == "W0004-000000"
    assert len(receipt.segments) > 5


def test_labels_say_everything_that_is_printed(tmp_path: Path) -> None:
    generate_world(tmp_path, 2, seed=4, validation_share=0.0, shares={"TR": 1.0})
    for receipt in load_split(tmp_path, "train"):
        labels = json.loads((tmp_path / "labels" / f"{receipt.key}.json").read_text(encoding="utf-8"))
        assert (labels["country"], labels["currency"]) == ("TR", "TRY")
        assert labels["fields"]["total"][0] == receipt.entities["total"]
        assert all(item["item_description"] for item in labels["items"])
        printed = "".join("".join(segment.text.split()) for segment in receipt.segments)
        assert "".join(labels["fields"]["total"][0].split()) in printed


def test_shares_choose_countries() -> None:
    assert parse_shares("de, fr=2.5") == {"DE": 1.0, "FR": 2.5}
    assert parse_shares("all") is None
    with pytest.raises(CountryError, match="XX"):
        parse_shares("DE,XX")
    for wrong in ("DE=0", "DE=-1", "DE=x", "DE=inf", "DE=nan"):
        with pytest.raises(CountryError, match="positive"):
            parse_shares(wrong)


def test_rejects_share_out_of_range(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="scattered"):
        generate_world(tmp_path, 1, seed=4, scattered=1.5)


def test_codes_say_what_is_printed() -> None:
    plain = render_world_receipt(8, {"PT": 1.0}, style=_CLEAN)
    coded = render_world_receipt(8, {"PT": 1.0}, style=_CLEAN, coded=1.0)
    assert [one.text for one in plain.segments] == [one.text for one in coded.segments]
    assert "code" not in plain.labels
    label = coded.labels["code"]
    assert label["standard"] == "pt-atcud"
    # The code is below the text, dark and square.
    assert coded.image.shape[0] > plain.image.shape[0] + 50
    assert f"*O:{label['total']}*" in label["text"]
    assert f"*F:{label['date'].replace('-', '')}*" in label["text"]


@pytest.mark.parametrize("country", STANDARDS)
def test_writes_the_codes_of_countries(country: str) -> None:
    receipts = [make_receipt(seed, shares={country: 1.0}) for seed in range(20)]
    codes = [write_code(receipt, random.Random(1)) for receipt in receipts]
    for receipt, code in zip(receipts, codes, strict=True):
        if code is None:
            assert receipt.purchase.total <= 0
            continue
        assert code.standard in STANDARDS[country]
        assert code.purchase.when == receipt.moment
        assert sum(part.gross for part in code.purchase.rated) + code.purchase.untaxed == code.purchase.total
    assert any(codes)


def test_other_countries_have_no_codes() -> None:
    assert write_code(make_receipt(1, shares={"US": 1.0}), random.Random(1)) is None

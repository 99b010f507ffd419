"""Tests of building the merchant directory."""

from __future__ import annotations

import json
from pathlib import Path

from services.extractor.merchants import load_directory
from services.extractor.training.merchants import write_directory


def test_written_directory_can_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "merchants.json"
    rows = [{"company": "A  B TRADING", "address": "1 STREET"}] * 2 + [{"company": "C TRADING", "address": ""}]
    assert write_directory({"train": rows, "validation": [{"company": "BEST GARDEN", "address": ""}]}, path) == 3
    content = json.loads(path.read_text())
    assert content["license"] == "CC-BY-4.0"
    assert content["merchants"][0] == {"company": "A B TRADING", "address": "1 STREET", "count": {"train": 2}}
    assert load_directory(path).company("A.B. TRADING").value == "A B TRADING"
    assert load_directory(path).company("BEST. GARDEN").known
    assert not load_directory(path, splits=["train"]).company("BEST. GARDEN").known

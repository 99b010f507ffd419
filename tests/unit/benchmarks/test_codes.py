"""The measure of how codes are read."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.codes.measure import compare_content, measure
from shared.contracts import CodeContent

LABEL = {"tax_id": "501442600", "date": "2025-04-03", "total": "9.00"}


def test_compares_what_a_code_says() -> None:
    said = {"standard": "pt-atcud", "kind": "fiscal", "tax_id": "501442600", "date": "2025-04-04", "total": "9"}
    assert compare_content(LABEL, CodeContent.model_validate(said)) == [True, False, True]
    gulf = CodeContent.model_validate(said | {"standard": "gulf-zatca", "total": None})
    assert compare_content(LABEL, gulf) == [True, True]
    assert compare_content(LABEL, None) == [False]


def test_measures_codes_of_a_country(tmp_path: Path) -> None:
    results = measure(["HR"], 1, 1, tmp_path / "codes.json")
    assert results["kinds"]["scan"] | {"cpu_ms": 0} == {
        **{"codes": 1, "read": 1.0, "right": 1.0, "cpu_ms": 0, "standards": {"hr-fiscal": 1.0}},
    }
    assert json.loads((tmp_path / "codes.json").read_text()) == results

"""Tests of the extractor without HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.extractor.predictor import Predictor
from shared.contracts import Extracted, Fields
from tests.support.extractor import build_request, build_settings, save_small_weights


def test_result_does_not_depend_on_the_batch(tmp_path: Path) -> None:
    predictor = Predictor.load(build_settings(save_small_weights(tmp_path)))
    texts = [["SHOP", "TOTAL 9.00"], [], ["A LONGER RECEIPT SDN BHD", "25/12/2018", "RM15.00"]]
    requests = [build_request(*rows) for rows in texts]
    together = predictor.extract(requests)
    assert together[1] == Extracted(fields=Fields())
    for request, extracted in zip(requests, together, strict=True):
        (alone,) = predictor.extract([request])
        assert alone.model_dump().keys() == extracted.model_dump().keys()
        assert json.dumps(alone.model_dump())[:200] == json.dumps(extracted.model_dump())[:200]


def test_merchant_directory_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vendors = tmp_path / "vendors.csv"
    vendors.write_text("company\nZyxwvut Trading\n")
    save_small_weights(tmp_path, only_class=1)

    def extract_company() -> Any:
        predictor = Predictor.load(build_settings(tmp_path, vendor_list=vendors))
        (extracted,) = predictor.extract([build_request("ZYXWVUT TRADlNG")])
        return extracted.fields.company

    assert (extract_company().value, extract_company().corrected) == ("Zyxwvut Trading", True)
    monkeypatch.setenv("QUITTANCE_MERCHANT_DIRECTORY", "off")
    assert (extract_company().value, extract_company().corrected) == ("ZYXWVUT TRADlNG", False)


def test_version_includes_settings_that_change_answers(tmp_path: Path) -> None:
    save_small_weights(tmp_path)
    vendors = tmp_path / "vendors.csv"
    vendors.write_text("company,address\nAcme Tools Sdn Bhd,\n", encoding="utf-8")

    def load_version(**options: Any) -> str:
        return Predictor.load(build_settings(tmp_path, **options)).version

    default = load_version()
    changes: list[dict[str, Any]] = [{"least_confidence": 0.0}, {"date_order": "month_first"}, {"vendor_list": vendors}]
    versions = {default, *(load_version(**options) for options in changes)}
    vendors.write_text("company,address\nAcme Tools Ltd,\n", encoding="utf-8")
    versions.add(load_version(vendor_list=vendors))
    assert len(versions) == 5
    assert all(version.startswith(default) for version in versions)

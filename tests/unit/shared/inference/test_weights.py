"""Tests of writing, reading and rejecting weights."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from shared.inference.device import arrays_of, load_into
from shared.inference.weights import Manifest, WeightsError, load_weights, parse_weights, save_weights


def _network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def _save(folder: Path, network: nn.Module) -> Manifest:
    return save_weights(
        folder,
        arrays_of(network.state_dict()),
        name="tiny",
        architecture={"hidden": 4},
        alphabet="ab €",
        training={"steps": 1},
        measures={"f1": 0.5},
        created=date(2026, 11, 22),
    )


def test_round_trip_in_half_precision(tmp_path: Path) -> None:
    network = _network()
    network.state_dict()["1.num_batches_tracked"].fill_(70_000)
    saved = _save(tmp_path / "weights", network)
    manifest, arrays = load_weights(tmp_path / "weights", name="tiny")
    assert manifest == saved
    assert manifest.alphabet == "ab €"
    assert re.fullmatch(r"tiny-2026-11-22-[0-9a-f]{8}", manifest.version)
    assert arrays["0.weight"].dtype == np.float32
    np.testing.assert_array_equal(arrays["0.weight"], network.state_dict()["0.weight"].half().float())
    assert arrays["1.num_batches_tracked"].item() == 70_000

    other = _network()
    load_into(other, arrays)
    np.testing.assert_array_equal(other.state_dict()["0.weight"], arrays["0.weight"])
    assert sorted(path.name for path in (tmp_path / "weights").iterdir()) == ["manifest.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"measures": {"f1": 0.6}}, True),
        ({"training": {"steps": 2}}, True),
        ({"sha256": "0" * 64}, False),
        ({"architecture": {"hidden": 4, "threshold": 0.5}}, False),
        ({"alphabet": "ba €"}, False),
    ],
)
def test_version_covers_everything_that_changes_answers(tmp_path: Path, change: dict[str, Any], same: bool) -> None:
    saved = _save(tmp_path, _network())
    assert (saved.model_copy(update=change).version == saved.version) is same


def test_transposed_and_shared_arrays_are_saved(tmp_path: Path) -> None:
    weight = np.arange(6.0).reshape(2, 3)
    save_weights(
        tmp_path, {"a": weight.T, "b": weight}, name="x", architecture={}, alphabet=None, training={}, measures={}
    )
    _, arrays = load_weights(tmp_path, name="x")
    np.testing.assert_array_equal(arrays["a"], weight.T)
    np.testing.assert_array_equal(arrays["b"], weight)


def test_rejects_a_changed_byte(tmp_path: Path) -> None:
    _save(tmp_path, _network())
    path = tmp_path / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="SHA-256"):
        load_weights(tmp_path, name="tiny")


@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors"])
def test_names_a_missing_file_and_what_to_do(tmp_path: Path, name: str) -> None:
    _save(tmp_path, _network())
    (tmp_path / name).unlink()
    with pytest.raises(WeightsError, match=rf"Cannot read .*{name}.*quittance train"):
        load_weights(tmp_path, name="tiny")


def test_rejects_weights_of_another_network(tmp_path: Path) -> None:
    _save(tmp_path, _network())
    with pytest.raises(WeightsError, match="`tiny`, not of `ctpn`"):
        load_weights(tmp_path, name="ctpn")


@pytest.mark.parametrize(("key", "value"), [("format", 2), ("sha256", "abc"), ("surprise", 1)])
def test_rejects_an_unknown_manifest(tmp_path: Path, key: str, value: object) -> None:
    _save(tmp_path, _network())
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(WeightsError, match=key):
        load_weights(tmp_path, name="tiny")


def test_rejects_values_beyond_half_precision(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="array big"):
        save_weights(
            tmp_path,
            {"big": np.array([1e6])},
            name="x",
            architecture={},
            alphabet=None,
            training={},
            measures={},
        )
    assert not list(tmp_path.iterdir())


def test_parses_weights(tmp_path: Path) -> None:
    saved = _save(tmp_path, _network())
    assert parse_weights(tmp_path, "tiny", lambda manifest, arrays: (manifest, len(arrays))) == (saved, 7)


@pytest.mark.parametrize("error", [KeyError("hidden"), ValueError("hidden is negative"), TypeError("hidden")])
def test_reports_weights_that_cannot_be_parsed(tmp_path: Path, error: Exception) -> None:
    def parse(_: Manifest, __: object) -> None:
        raise error

    _save(tmp_path, _network())
    with pytest.raises(WeightsError, match=rf"{tmp_path} do not fit this version: .*hidden"):
        parse_weights(tmp_path, "tiny", parse)


def test_reads_ceilings_from_the_manifest(tmp_path: Path) -> None:
    saved = _save(tmp_path, _network())
    assert saved.ceilings is None
    assert saved.model_copy(update={"architecture": {"ceilings": [1, 2.5]}}).ceilings == (1.0, 2.5)


def test_load_into_lists_every_mismatch() -> None:
    arrays = arrays_of(_network().state_dict())
    del arrays["0.bias"]
    arrays["9.weight"] = np.zeros(1)
    arrays["0.weight"] = np.zeros((5, 3))
    with pytest.raises(WeightsError) as caught:
        load_into(_network(), arrays)
    message = str(caught.value)
    assert "missing: 0.bias" in message
    assert "unexpected: 9.weight" in message
    assert "0.weight: (5, 3) instead of (4, 3)" in message

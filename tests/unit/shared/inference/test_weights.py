"""Weights are written, read back, and refused when anything is wrong with them."""

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
from shared.inference.weights import Manifest, WeightsError, load_weights, save_weights


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
    network[1].num_batches_tracked.fill_(70_000)
    saved = _save(tmp_path / "weights", network)
    manifest, tensors = load_weights(tmp_path / "weights", name="tiny")
    assert manifest == saved
    assert manifest.alphabet == "ab €"
    assert re.fullmatch(r"tiny-2026-11-22-[0-9a-f]{8}", manifest.version)
    assert tensors["0.weight"].dtype == np.float32
    np.testing.assert_array_equal(tensors["0.weight"], network[0].weight.detach().half().float())
    assert tensors["1.num_batches_tracked"].item() == 70_000

    other = _network()
    load_into(other, tensors)
    np.testing.assert_array_equal(other[0].weight.detach(), tensors["0.weight"])
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
def test_the_version_follows_all_that_decides_an_answer(tmp_path: Path, change: dict[str, Any], same: bool) -> None:
    saved = _save(tmp_path, _network())
    assert (saved.model_copy(update=change).version == saved.version) is same


def test_transposed_and_shared_arrays_are_saved(tmp_path: Path) -> None:
    weight = np.arange(6.0).reshape(2, 3)
    save_weights(
        tmp_path, {"a": weight.T, "b": weight}, name="x", architecture={}, alphabet=None, training={}, measures={}
    )
    _, tensors = load_weights(tmp_path, name="x")
    np.testing.assert_array_equal(tensors["a"], weight.T)
    np.testing.assert_array_equal(tensors["b"], weight)


def test_a_changed_byte_is_refused(tmp_path: Path) -> None:
    _save(tmp_path, _network())
    path = tmp_path / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="SHA-256"):
        load_weights(tmp_path, name="tiny")


@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors"])
def test_a_missing_file_says_what_to_do(tmp_path: Path, name: str) -> None:
    _save(tmp_path, _network())
    (tmp_path / name).unlink()
    with pytest.raises(WeightsError, match=rf"{name} cannot be read.*quittance train"):
        load_weights(tmp_path, name="tiny")


def test_another_network_is_refused(tmp_path: Path) -> None:
    _save(tmp_path, _network())
    with pytest.raises(WeightsError, match="`tiny`, but `ctpn` is wanted"):
        load_weights(tmp_path, name="ctpn")


@pytest.mark.parametrize(("key", "value"), [("format", 2), ("sha256", "abc"), ("surprise", 1)])
def test_an_unknown_manifest_is_refused(tmp_path: Path, key: str, value: object) -> None:
    _save(tmp_path, _network())
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(WeightsError, match=key):
        load_weights(tmp_path, name="tiny")


def test_values_beyond_half_precision_are_refused(tmp_path: Path) -> None:
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


def test_load_into_lists_every_fault() -> None:
    tensors = arrays_of(_network().state_dict())
    del tensors["0.bias"]
    tensors["9.weight"] = np.zeros(1)
    tensors["0.weight"] = np.zeros((5, 3))
    with pytest.raises(WeightsError) as caught:
        load_into(_network(), tensors)
    message = str(caught.value)
    assert "missing: 0.bias" in message
    assert "unexpected: 9.weight" in message
    assert "0.weight: (5, 3) instead of (4, 3)" in message

"""Weights on disk: half-precision safetensors with a manifest that says where they came from.

A folder holds `model.safetensors` and `manifest.json`. The hash in the manifest is verified before any byte is
interpreted, and nothing is unpickled. Serving code only reads; training code writes with `save_weights`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import safetensors.numpy
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.arrays import NamedArrays
from shared.startup import StartupError

TENSORS_FILE = "model.safetensors"
MANIFEST_FILE = "manifest.json"

_ADVICE = "Get the weights from the repository again, or train and export them with `quittance train`."

Parsed = TypeVar("Parsed")


class WeightsError(StartupError):
    """The weights cannot be used; the message says why and what to do."""


class Manifest(BaseModel):
    """Description of a weights file and its origin."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = Field(default=1, description="Version of this layout.")
    name: str = Field(description="Kind of network, for example `ctpn`.", pattern="^[a-z0-9]+$")
    architecture: dict[str, Any] = Field(description="Settings from which the network is built.")
    alphabet: str | None = Field(default=None, description="Characters in the order of the network's classes.")
    sha256: str = Field(description="Hash of the tensors file, in hexadecimal.", pattern="^[0-9a-f]{64}$")
    created: date
    training: dict[str, Any] = Field(description="Data, command, steps and seed.")
    measures: dict[str, Any] = Field(description="Measures and the data they were taken on.")

    @property
    def version(self) -> str:
        """Identifier of the weights in answers and cache keys: name, date and a hash.

        The hash covers everything that changes an answer: the tensors, and what was fitted to them.
        """
        decisive = json.dumps([self.sha256, self.architecture, self.alphabet], sort_keys=True)
        return f"{self.name}-{self.created.isoformat()}-{hashlib.sha256(decisive.encode()).hexdigest()[:8]}"

    @property
    def ceilings(self) -> tuple[float, ...] | None:
        """Largest output of each convolution, which int8 needs; None if not measured."""
        values = self.architecture.get("ceilings")
        return None if values is None else tuple(float(value) for value in values)


def save_weights(
    folder: Path,
    values: Mapping[str, ArrayLike],
    *,
    name: str,
    architecture: dict[str, Any],
    alphabet: str | None,
    training: dict[str, Any],
    measures: dict[str, Any],
    created: date | None = None,
) -> Manifest:
    """Write weights and their manifest.

    Args:
        folder: Destination; created if missing. Existing weights are replaced.
        values: Arrays of the network by name, or torch tensors on the CPU. Floats are stored in half precision, other
            types unchanged.
        name: Kind of network; pass the same to `load_weights`.
        architecture: Settings from which the network is built.
        alphabet: Characters in the order of the classes, if the network has any.
        training: Data, command, steps and seed.
        measures: Measures and the data they were taken on.
        created: Date of the weights; today (UTC) by default.

    Returns:
        The manifest.

    Raises:
        WeightsError: If a value is not a number or too large for half precision.
    """
    arrays = {key: _to_half(key, np.asarray(value)) for key, value in values.items()}
    data = safetensors.numpy.save(arrays, metadata={"format": "np"})
    manifest = Manifest(
        name=name,
        architecture=architecture,
        alphabet=alphabet,
        sha256=hashlib.sha256(data).hexdigest(),
        created=created or datetime.now(UTC).date(),
        training=training,
        measures=measures,
    )
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / TENSORS_FILE, data)
    _replace(folder / MANIFEST_FILE, (manifest.model_dump_json(indent=2) + "\n").encode())
    return manifest


def load_weights(folder: Path, *, name: str) -> tuple[Manifest, dict[str, NDArray[Any]]]:
    """Read weights after verifying their hash.

    Args:
        folder: Folder with `model.safetensors` and `manifest.json`.
        name: Expected kind of network, for example `ctpn`.

    Returns:
        The manifest, and the arrays by name: floats as float32, other types as stored.

    Raises:
        WeightsError: If a file is missing, damaged, of another network or in an unknown format.
    """
    manifest = read_manifest(folder, name=name)
    path = folder / TENSORS_FILE
    data = _read(path)
    actual = hashlib.sha256(data).hexdigest()
    if actual != manifest.sha256:
        raise WeightsError(
            f"{path} does not match its manifest: the SHA-256 is {actual}, not {manifest.sha256}. {_ADVICE}"
        )
    try:
        arrays = safetensors.numpy.load(data)
    except Exception as error:  # safetensors raises several unrelated classes
        raise WeightsError(f"{path} is not a safetensors file: {error}. {_ADVICE}") from error
    return manifest, {key: _to_single(array) for key, array in arrays.items()}


def parse_weights(folder: Path, name: str, parse: Callable[[Manifest, NamedArrays], Parsed]) -> Parsed:
    """Read weights and turn them into what a service needs.

    Args:
        folder: Folder with `model.safetensors` and `manifest.json`.
        name: Expected kind of network, for example `ctpn`.
        parse: Interprets manifest and arrays; raises LookupError, TypeError or ValueError if they do not fit.

    Raises:
        WeightsError: As `load_weights`; also if the manifest or the arrays do not fit this version.
    """
    manifest, arrays = load_weights(folder, name=name)
    try:
        return parse(manifest, arrays)
    except KeyError as error:
        raise WeightsError(f"The weights in {folder} do not fit this version: {error} is missing.") from error
    except (IndexError, TypeError, ValueError) as error:
        raise WeightsError(f"The weights in {folder} do not fit this version: {error}") from error


def read_manifest(folder: Path, *, name: str) -> Manifest:
    """Read the manifest without the tensors; raise WeightsError as `load_weights` does."""
    path = folder / MANIFEST_FILE
    try:
        manifest = Manifest.model_validate_json(_read(path))
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise WeightsError(f"{path} is not a manifest that this version can read ({reasons}). {_ADVICE}") from error
    if manifest.name != name:
        raise WeightsError(f"{folder} holds weights of `{manifest.name}`, not of `{name}`. Check the weights setting.")
    return manifest


def _to_single(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float32) if np.issubdtype(array.dtype, np.floating) else array


def _to_half(key: str, array: NDArray[Any]) -> NDArray[Any]:
    if np.issubdtype(array.dtype, np.floating):
        with np.errstate(over="ignore"):  # reported below, with the name of the array
            array = array.astype(np.float16)
        if not np.isfinite(array).all():
            raise WeightsError(
                f"The array {key} has values that are not finite in half precision. Did training diverge?"
            )
    return array.copy(order="C")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"Cannot read {path}: {error.strerror or error}. {_ADVICE}") from error


def _replace(path: Path, data: bytes) -> None:
    """Write to a temporary file and rename it, so that a reader never sees half a file."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    temporary.write_bytes(data)
    temporary.replace(path)

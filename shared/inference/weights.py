"""Weights on disk: half-precision safetensors with a manifest beside them that tells where they came from.

A folder holds `model.safetensors` and `manifest.json`. The manifest's hash is checked before a byte is interpreted, and
nothing is ever unpickled. Serving code only reads; training code writes with `save_weights`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors.numpy
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.startup import StartupError

TENSORS_FILE = "model.safetensors"
MANIFEST_FILE = "manifest.json"
_GET_THEM = "Get the weights again from the repository, or train and export them with `quittance train`."


class WeightsError(StartupError):
    """The weights cannot be used; the message says why and what to do."""


class Manifest(BaseModel):
    """What a weights file is and where it came from."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = Field(default=1, description="Version of this layout.")
    name: str = Field(description="Kind of network, for example `ctpn`.", pattern="^[a-z0-9]+$")
    architecture: dict[str, Any] = Field(description="Settings from which the network is built.")
    alphabet: str | None = Field(default=None, description="Characters in the order of the network's classes.")
    sha256: str = Field(description="Of the tensors file, in hexadecimal.", pattern="^[0-9a-f]{64}$")
    created: date
    training: dict[str, Any] = Field(description="Data, command, steps, seed.")
    measures: dict[str, Any] = Field(description="What was measured, and on what.")

    @property
    def version(self) -> str:
        """Identifies the weights in answers and cache keys: name, date, and a hash of all that decides what they say.

        That is more than the tensors: what is fitted beside them changes the answers, too.
        """
        decisive = json.dumps([self.sha256, self.architecture, self.alphabet], sort_keys=True)
        return f"{self.name}-{self.created.isoformat()}-{hashlib.sha256(decisive.encode()).hexdigest()[:8]}"


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
    """Writes weights and their manifest.

    Args:
        folder: Where to; made if it is not there. What it holds is replaced.
        values: Arrays of the network by name, or tensors of torch on the CPU. Floating ones are stored in half
            precision, others as they are.
        name: Kind of network; `load_weights` asks for the same.
        architecture: Settings from which the network can be built again.
        alphabet: Characters in the order of the classes, if the network has any.
        training: Data, command, steps, seed.
        measures: What was measured, and on what.
        created: Day of the weights; today (UTC) if left out.

    Returns:
        The manifest written.

    Raises:
        WeightsError: A value is not a number or too large for half precision.
    """
    arrays = {key: _half(key, np.asarray(value)) for key, value in values.items()}
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
    """Reads weights after checking their hash.

    Args:
        folder: Holds `model.safetensors` and `manifest.json`.
        name: Kind of network wanted, for example `ctpn`.

    Returns:
        The manifest, and the arrays by name: floating ones as float32, others as they were stored.

    Raises:
        WeightsError: A file is missing, damaged, of another network or of a format this version does not know.
    """
    manifest = read_manifest(folder, name=name)
    path = folder / TENSORS_FILE
    data = _read(path)
    found = hashlib.sha256(data).hexdigest()
    if found != manifest.sha256:
        raise WeightsError(
            f"{path} does not match its manifest: its SHA-256 is {found}, not {manifest.sha256}. {_GET_THEM}"
        )
    try:
        arrays = safetensors.numpy.load(data)
    except Exception as error:  # safetensors raises several kinds, some of them bare
        raise WeightsError(f"{path} is no safetensors file: {error}. {_GET_THEM}") from error
    return manifest, {key: _single(array) for key, array in arrays.items()}


def read_manifest(folder: Path, *, name: str) -> Manifest:
    """Reads the manifest alone, without the tensors; raises WeightsError as `load_weights` does."""
    path = folder / MANIFEST_FILE
    try:
        manifest = Manifest.model_validate_json(_read(path))
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise WeightsError(f"{path} is no manifest that this version knows ({reasons}). {_GET_THEM}") from error
    if manifest.name != name:
        raise WeightsError(
            f"{folder} holds weights of `{manifest.name}`, but `{name}` is wanted. Check the folder set."
        )
    return manifest


def _single(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float32) if np.issubdtype(array.dtype, np.floating) else array


def _half(key: str, array: NDArray[Any]) -> NDArray[Any]:
    if np.issubdtype(array.dtype, np.floating):
        with np.errstate(over="ignore"):  # found below, by name
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
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}. {_GET_THEM}") from error


def _replace(path: Path, data: bytes) -> None:
    """Writes beside the file and renames, so that a reader never sees half a file."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    temporary.write_bytes(data)
    temporary.replace(path)

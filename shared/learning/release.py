"""Write weights together with their measures, and update the manifests of released weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from shared.inference.weights import MANIFEST_FILE, Manifest, read_manifest, save_weights


def save_measured_weights(
    folder: Path,
    values: Mapping[str, ArrayLike],
    measure: Callable[[], dict[str, Any]],
    *,
    name: str,
    architecture: dict[str, Any],
    alphabet: str | None,
    training: dict[str, Any],
) -> Manifest:
    """Write weights, measure them as they are stored (half precision), and add the measures to the manifest.

    Args:
        folder: See `save_weights`.
        values: See `save_weights`.
        measure: Measures the weights in the folder.
        name: See `save_weights`.
        architecture: See `save_weights`.
        alphabet: See `save_weights`.
        training: See `save_weights`.

    Returns:
        The manifest.

    Raises:
        WeightsError: See `save_weights`.
    """
    save_weights(
        folder, values, name=name, architecture=architecture, alphabet=alphabet, training=training, measures={}
    )
    return update_manifest(folder, name=name, measures=measure())


def update_manifest(
    folder: Path,
    *,
    name: str,
    architecture: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    measures: Mapping[str, Any] | None = None,
) -> Manifest:
    """Add values to the manifest of released weights. The tensors and their hash stay.

    Args:
        folder: Folder of the weights.
        name: Kind of network.
        architecture: Values to add to `architecture`, or None.
        training: Values to add to `training`, or None.
        measures: Values to add to `measures`, or None.

    Returns:
        The new manifest.

    Raises:
        WeightsError: If the manifest cannot be read.
    """
    manifest = read_manifest(folder, name=name)
    manifest = manifest.model_copy(
        update={
            "architecture": {**manifest.architecture, **(architecture or {})},
            "training": {**manifest.training, **(training or {})},
            "measures": {**manifest.measures, **(measures or {})},
        }
    )
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest

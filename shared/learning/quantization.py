"""How large the values that a network's convolutions make get, measured for computing them in int8.

A ceiling, above which values are cut off, is the mean over inputs of each one's largest. Never imported by code that
serves requests.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.arrays import NamedArrays
from shared.inference import graphs
from shared.inference.graphs import Graph
from shared.inference.weights import MANIFEST_FILE, read_manifest
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt

_COUNT = 32


def parse_options(weights: Path) -> tuple[Path, list[LabeledReceipt]]:
    """Read the command line of a measurement: the folder of the weights, and the receipts to measure on.

    Args:
        weights: Folder where `--weights` names no other.

    Raises:
        DatasetError: If the receipts cannot be read.
    """
    parser = argparse.ArgumentParser(description="Measure the ceilings that int8 needs; writes them into the manifest.")
    parser.add_argument("--data", type=Path, required=True, help="labeled receipts; the part `train` is used")
    parser.add_argument("--weights", type=Path, default=weights)
    parser.add_argument("--count", type=int, default=_COUNT, help="receipts, spread over the part")
    options = parser.parse_args()
    receipts = load_split(options.data, "train")
    return options.weights, receipts[:: max(1, len(receipts) // options.count)][: options.count]


def measure_ceilings(
    name: str, arrays: NamedArrays, maxima: Callable[[NamedArrays], Graph], inputs: Iterable[Iterable[NDArray[Any]]]
) -> list[float]:
    """The ceiling of what each convolution makes.

    Args:
        name: Of the network, for messages.
        arrays: The weights of its convolutions.
        maxima: Builds the graph that computes the largest value of each convolution.
        inputs: Of each example the batches it consists of.
    """
    request = graphs.compile_network(name, arrays, maxima, threads=None, precision="float32").create_infer_request()
    largest = []
    for batches in inputs:
        results = (request.infer([batch]) for batch in batches)
        largest.append(np.max([[float(made[index]) for index in range(len(made))] for made in results], axis=0))
    return [round(float(value), 3) for value in np.mean(largest, axis=0)]


def keep_ceilings(folder: Path, ceilings: list[float], *, name: str) -> None:
    """Write ceilings into the manifest of released weights; the hash of the tensors stays.

    Args:
        folder: Of the weights.
        ceilings: In the order of the convolutions.
        name: Of the weights.

    Raises:
        WeightsError: If the manifest cannot be read.
    """
    manifest = read_manifest(folder, name=name)
    manifest = manifest.model_copy(update={"architecture": {**manifest.architecture, "ceilings": ceilings}})
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")

"""Measure the ranges of convolution outputs, which computing them in int8 requires.

A ceiling is the value at which outputs are clipped: the mean over inputs of the largest output of each.
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
from shared.learning.dataset import load_split, pick_evenly
from shared.learning.labels import LabeledReceipt

# Default number of receipts.
_COUNT = 32


def parse_options(weights: Path) -> tuple[Path, list[LabeledReceipt]]:
    """Parse the command line of a measurement.

    Args:
        weights: Default folder of the weights.

    Returns:
        The folder of the weights, and the receipts to measure on.

    Raises:
        DatasetError: If the receipts cannot be read.
    """
    parser = argparse.ArgumentParser(description="Measure the ceilings for int8 and write them into the manifest.")
    parser.add_argument("--data", type=Path, required=True, help="labeled receipts; the split `train` is used")
    parser.add_argument("--weights", type=Path, default=weights, help="folder of the weights (default: %(default)s)")
    parser.add_argument("--count", type=int, default=_COUNT, help="number of receipts (default: %(default)s)")
    options = parser.parse_args()
    return options.weights, list(pick_evenly(load_split(options.data, "train"), options.count))


def measure_ceilings(
    name: str, arrays: NamedArrays, maxima: Callable[[NamedArrays], Graph], inputs: Iterable[Iterable[NDArray[Any]]]
) -> list[float]:
    """Measure the ceiling of each convolution.

    Args:
        name: Name of the network, for messages.
        arrays: Weights of its convolutions.
        maxima: Builds the graph that computes the largest output of each convolution.
        inputs: Batches of each example.

    Returns:
        Ceilings in the order of the convolutions.
    """
    request = graphs.compile_network(name, arrays, maxima, threads=None, precision="float32").create_infer_request()
    largest = []
    for batches in inputs:
        results = (request.infer([batch]) for batch in batches)
        largest.append(np.max([[float(made[index]) for index in range(len(made))] for made in results], axis=0))
    return [round(float(value), 3) for value in np.mean(largest, axis=0)]

"""Run the orientation network with torch on the CPU."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch

from services.detector.orientation.architecture import OrientationArchitecture
from services.detector.orientation.network import OrientationNetwork, normalize
from shared.arrays import Floats, NamedArrays, Pixels
from shared.inference.device import autocast, load_into
from shared.inference.engines import Precision


class TorchOrientationEngine:
    """Runs the network with torch. Thread-safe.

    Args:
        network: Trained network.
        precision: Arithmetic of the network.
    """

    def __init__(self, network: OrientationNetwork, precision: Precision = "auto") -> None:
        self._precision = precision
        self._network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def load(
        cls,
        arrays: NamedArrays,
        architecture: OrientationArchitecture,
        precision: Precision = "auto",
    ) -> Self:
        """Build the network from its weights.

        Raises:
            WeightsError: If the weights do not fit.
        """
        network = OrientationNetwork(architecture)
        load_into(network, arrays)
        return cls(network, precision)

    @torch.inference_mode()
    def __call__(self, patches: Pixels) -> Floats:
        """Run one batch; see `OrientationEngine`."""
        with autocast(torch.device("cpu"), self._precision):
            scores = self._network(normalize(torch.from_numpy(patches)))
        return np.asarray(torch.log_softmax(scores.float(), dim=1).numpy(), np.float32)

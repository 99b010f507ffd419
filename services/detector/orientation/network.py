"""The network that tells which way up a patch of text is.

A small convolutional network; nothing in it is new (VGG blocks, Simonyan and Zisserman, 2015, arXiv:1409.1556, with
batch normalisation and strides in place of pooling). It decides nothing alone: see
`services.detector.orientation.pose`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from services.detector.orientation.pose import TURNS, Floats, Pixels
from shared.device import autocast
from shared.weights import WeightsError, load_into, load_weights

NAME = "orientation"


@dataclass(frozen=True)
class OrientationArchitecture:
    """Shape of the network.

    Attributes:
        channels: Of each convolution; the first is 5 x 5, the others 3 x 3.
        strides: Of each convolution.
    """

    channels: tuple[int, ...] = (16, 32, 48, 64, 96, 96)
    strides: tuple[int, ...] = (2, 2, 1, 2, 1, 2)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> OrientationArchitecture:
        """From a manifest; raises KeyError, TypeError or ValueError if it does not describe one."""
        if values.keys() != asdict(cls()).keys():
            raise ValueError(f"its keys are {', '.join(sorted(values))}")
        shape = cls(**{name: tuple(int(number) for number in numbers) for name, numbers in values.items()})
        if len(shape.channels) != len(shape.strides):
            raise ValueError("there are not as many strides as channels")
        return shape


class OrientationNetwork(nn.Module):
    """N x 1 x H x W patches (`normalise`) -> N x 4 scores of the turns 0, 90, 180, 270."""

    def __init__(self, architecture: OrientationArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        layers: list[nn.Module] = []
        before = 1
        for index, (channels, stride) in enumerate(zip(architecture.channels, architecture.strides, strict=True)):
            kernel = 5 if index == 0 else 3
            layers.append(nn.Conv2d(before, channels, kernel, stride, kernel // 2, bias=False))
            layers += [nn.BatchNorm2d(channels), nn.ReLU()]
            before = channels
        self.features = nn.Sequential(*layers)
        self.scores = nn.Linear(before, len(TURNS))

    def forward(self, patches: Tensor) -> Tensor:
        """Run the network."""
        scores: Tensor = self.scores(self.features(patches).mean(dim=(2, 3)))
        return scores


def normalise(patches: Tensor) -> Tensor:
    """N x H x W uint8 -> N x 1 x H x W of mean 0 and about unit deviation: neither light nor contrast matters."""
    values = patches.float()[:, None]
    deviation, mean = torch.std_mean(values, dim=(2, 3), keepdim=True)
    return (values - mean) / (deviation + 8.0)


class TorchOrientationEngine:
    """Runs the network on the CPU: it takes a few milliseconds, and does not wait for a batch on the accelerator.

    Safe in any thread.

    Args:
        network: Trained.
        version: Of its weights.
    """

    def __init__(self, network: OrientationNetwork, version: str) -> None:
        self._network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.version = version

    @classmethod
    def load(cls, folder: Path) -> TorchOrientationEngine:
        """Load the weights.

        Raises:
            WeightsError: If they are missing, damaged or do not fit this code.
        """
        manifest, tensors = load_weights(folder, name=NAME)
        try:
            architecture = OrientationArchitecture.from_dict(manifest.architecture)
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"The manifest in {folder} does not describe a network known here: {error}") from error
        network = OrientationNetwork(architecture)
        load_into(network, tensors)
        return cls(network, manifest.version)

    @torch.inference_mode()
    def __call__(self, patches: Pixels) -> Floats:
        """N x H x W patches -> N x 4 log probabilities."""
        with autocast(torch.device("cpu")):
            scores = self._network(normalise(torch.from_numpy(patches)))
        return np.asarray(torch.log_softmax(scores.float(), dim=1).numpy(), np.float32)

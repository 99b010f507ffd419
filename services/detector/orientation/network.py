"""The network that tells which way up a patch of text is.

A small convolutional network; nothing in it is new (VGG blocks, Simonyan and Zisserman, 2015, arXiv:1409.1556, with
batch normalization and strides in place of pooling). It decides nothing alone: see
`services.detector.orientation.pose`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from services.detector.orientation.architecture import LEAST_DEVIATION, OrientationArchitecture
from services.detector.orientation.pose import TURNS


class OrientationNetwork(nn.Module):
    """N x 1 x H x W patches (`normalize`) -> N x 4 scores of the turns 0, 90, 180, 270."""

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


def normalize(patches: Tensor) -> Tensor:
    """N x H x W uint8 -> N x 1 x H x W of mean 0 and about unit deviation: neither light nor contrast matters."""
    values = patches.float()[:, None]
    deviation, mean = torch.std_mean(values, dim=(2, 3), keepdim=True)
    return (values - mean) / (deviation + LEAST_DEVIATION)

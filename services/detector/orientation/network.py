"""Define the network that recognizes the orientation of a patch of text.

It is a small network of VGG blocks (Simonyan and Zisserman, 2015, arXiv:1409.1556) with batch normalization, and
strides in place of pooling. `services.detector.orientation.pose` combines its output for several patches.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from services.detector.orientation.architecture import MIN_DEVIATION, OrientationArchitecture
from services.detector.orientation.engine import TURNS


class OrientationNetwork(nn.Module):
    """Network that maps normalized patches `(N, 1, H, W)` to scores `(N, 4)` of the turns 0, 90, 180 and 270."""

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
        """Return the scores of patches."""
        scores: Tensor = self.scores(self.features(patches).mean(dim=(2, 3)))
        return scores


def normalize(patches: Tensor) -> Tensor:
    """Normalize patches `(N, H, W)` uint8 to `(N, 1, H, W)` of mean 0 and standard deviation of about 1."""
    values = patches.float()[:, None]
    deviation, mean = torch.std_mean(values, dim=(2, 3), keepdim=True)
    return (values - mean) / (deviation + MIN_DEVIATION)

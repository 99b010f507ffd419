"""The CTPN network: Tian et al., 2016, "Detecting Text in Natural Image with Connectionist Text Proposal Network".

The paper is arXiv:1609.03605.

As in the paper: the convolutions of VGG16 up to conv5_3 (stride 16), a 3x3 window to 512 channels, a bidirectional
LSTM along every row (128 units each way), a fully connected layer of 512 units, and for each of the k vertical
anchors of a cell two scores (non-text, text), two vertical coordinates (center, log height) and one side refinement.

What differs: the side refinement is a ramp that is zero inside a segment and grows toward its ends (see
:mod:`services.detector.anchors`), so that it also tells where two neighbors on one row part; the anchors are fitted
to text of one working height, to which a picture is scaled first; pictures are gray.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from services.detector.network.architecture import BLOCKS, FEATURE_SCALE, PIXEL_MEAN, Architecture

#: On a CPU the first blocks are computed in strips of this many rows, with so many more on each side as their
#: convolutions see (1 + 1 + 2 + 2, rounded up to whole cells of their two poolings).
_STRIP_BLOCKS, _STRIP_ROWS, _STRIP_HALO = 2, 128, 8


class Output(NamedTuple):
    """What the network says of N pictures of R rows and C columns of cells, k anchors each.

    Attributes:
        scores: N x R x C x k x 2, logits of non-text and text.
        vertical: N x R x C x k x 2, center offset in anchor heights (downwards) and log of the height ratio.
        side: N x R x C x k, the side ramp (positive toward a right end, negative toward a left end).
    """

    scores: torch.Tensor
    vertical: torch.Tensor
    side: torch.Tensor


class VGG16(nn.Module):
    """The thirteen convolutions of VGG16 (Simonyan and Zisserman, 2014, arXiv:1409.1556) with four poolings."""

    def __init__(self) -> None:
        """Build the blocks with random weights."""
        super().__init__()
        blocks: list[nn.Module] = []
        channels = 3
        for index, (width, depth) in enumerate(BLOCKS):
            layers: list[nn.Module] = [nn.MaxPool2d(2)] if index else []
            for _ in range(depth):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            blocks.append(nn.Sequential(*layers))
        self.blocks = nn.ModuleList(blocks)
        self.frozen = 0

    def freeze(self, blocks: int) -> None:
        """Keep the first `blocks` blocks as they are in training: no gradient is computed for them."""
        self.frozen = blocks
        for block in list(self.blocks)[:blocks]:
            block.requires_grad_(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """N x 3 x H x W (BGR, mean taken off) -> N x 512 x H/16 x W/16."""
        features, done = images, 0
        if images.device.type == "cpu" and not torch.is_grad_enabled():
            features, done = self._strips(images), _STRIP_BLOCKS
        for index, block in enumerate(list(self.blocks)[done:], start=done):
            if index < self.frozen:
                with torch.no_grad():
                    features = block(features)
            else:
                features = block(features)
        return features

    def _strips(self, images: torch.Tensor) -> torch.Tensor:
        """The first blocks, strip by strip: N x 3 x H x W -> N x 128 x H/2 x W/2, the very values of the whole.

        Their activations are the largest by far. A strip's stay in the processor's cache, and need little memory.
        """
        height, strips = images.shape[2], []
        for start in range(0, height, _STRIP_ROWS):
            stop = min(height, start + _STRIP_ROWS)
            above = max(0, start - _STRIP_HALO)
            strip = images[:, :, above : min(height, stop + _STRIP_HALO)].contiguous(memory_format=torch.channels_last)
            for block in list(self.blocks)[:_STRIP_BLOCKS]:
                strip = block(strip)
            strips.append(strip[:, :, (start - above) // 2 : (stop - above) // 2])
        return torch.cat(strips, dim=2)


class CTPN(nn.Module):
    """Connectionist Text Proposal Network."""

    def __init__(self, architecture: Architecture | None = None) -> None:
        """Build the network with random weights.

        Args:
            architecture: The shape; the default is the one of the weights in the repository.
        """
        super().__init__()
        self.architecture = architecture or Architecture()
        k = len(self.architecture.anchor_heights)
        units = self.architecture.recurrent_units
        self.trunk = VGG16()
        self.window = nn.Conv2d(BLOCKS[-1][0], self.architecture.window_channels, 3, padding=1)
        self.recurrent = nn.LSTM(self.architecture.window_channels, units, bidirectional=True, batch_first=True)
        self.dense = nn.Linear(2 * units, self.architecture.dense_units)
        self.scores = nn.Linear(self.architecture.dense_units, 2 * k)
        self.vertical = nn.Linear(self.architecture.dense_units, 2 * k)
        self.side = nn.Linear(self.architecture.dense_units, k)
        nn.init.kaiming_normal_(self.window.weight, nonlinearity="relu")
        for layer in (self.scores, self.vertical, self.side):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(self, images: torch.Tensor) -> Output:
        """Score every anchor.

        Args:
            images: N x 3 x H x W, BGR from 0 to 255 less :data:`PIXEL_MEAN`; H and W are multiples of 16.

        Returns:
            The scores and coordinates of all anchors, float32.
        """
        features = torch.relu(self.window(self.trunk(images) * FEATURE_SCALE))
        n, channels, rows, columns = features.shape
        # N x C x R x W -> (N R) x W x C: every row of cells is one sequence
        sequence = features.permute(0, 2, 3, 1).reshape(n * rows, columns, channels)
        with torch.autocast(images.device.type, enabled=False):  # cheap, and half precision would blur coordinates
            context, _ = self.recurrent(sequence.float())
            hidden = torch.relu(self.dense(context))
            scores, vertical, side = self.scores(hidden), self.vertical(hidden), self.side(hidden)
        return Output(
            scores.view(n, rows, columns, -1, 2),
            vertical.view(n, rows, columns, -1, 2),
            side.view(n, rows, columns, -1),
        )


def normalize(gray: torch.Tensor) -> torch.Tensor:
    """N x H x W gray pixels (uint8) -> N x 3 x H x W input of the network (float32, channels last)."""
    single = gray.unsqueeze(1).float()
    # One number after the other: a tensor of the three would be copied to a GPU each time.
    return torch.cat([single - mean for mean in PIXEL_MEAN], dim=1).contiguous(memory_format=torch.channels_last)

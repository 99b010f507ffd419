"""The CTPN in torch.

Tian et al., "Detecting Text in Natural Image with Connectionist Text Proposal Network", 2016, arXiv:1609.03605. As in
the paper:

- the convolutions of VGG16 up to conv5_3 (stride 16);
- a 3x3 window to 512 channels;
- a bidirectional LSTM along each row, 128 units per direction;
- a fully connected layer of 512 units;
- for each of the k vertical anchors of a cell two scores (non-text, text), two vertical coordinates (center, log
  height) and one side refinement.

Differences from the paper:

- the side refinement is a ramp that is zero inside a segment and grows toward its ends (see
  `services.detector.anchors`), so that it also shows where two neighbors in a row are separate;
- the anchors are fitted to text of one working height, to which a page is scaled first;
- pictures are gray.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from services.detector.network.architecture import BLOCKS, FEATURE_SCALE, PIXEL_MEAN, Architecture

# On a CPU, the first blocks are computed in strips of rows. A strip has as many additional rows on each side as the
# convolutions of these blocks reach (1 + 1 + 2 + 2, rounded up to whole cells of their two poolings).
_STRIP_BLOCKS, _STRIP_ROWS, _STRIP_HALO = 2, 128, 8


class Output(NamedTuple):
    """Output for N pages of R x C cells with k anchors.

    Attributes:
        scores: `(N, R, C, k, 2)` logits of non-text and text.
        vertical: `(N, R, C, k, 2)` offset of the center in anchor heights (downwards) and log of the height ratio.
        side: `(N, R, C, k)` side ramp, positive toward a right end and negative toward a left end.
    """

    scores: torch.Tensor
    vertical: torch.Tensor
    side: torch.Tensor


class VGG16(nn.Module):
    """The thirteen convolutions of VGG16 (Simonyan and Zisserman, 2014, arXiv:1409.1556) with four poolings."""

    def __init__(self) -> None:
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
        """Exclude the first `blocks` blocks from training: compute no gradients for them."""
        self.frozen = blocks
        for block in list(self.blocks)[:blocks]:
            block.requires_grad_(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Compute features: `(N, 3, H, W)` BGR minus the mean -> `(N, 512, H / 16, W / 16)`."""
        features, done = images, 0
        if images.device.type == "cpu" and not torch.is_grad_enabled():
            features, done = self._run_strips(images), _STRIP_BLOCKS
        for index, block in enumerate(list(self.blocks)[done:], start=done):
            if index < self.frozen:
                with torch.no_grad():
                    features = block(features)
            else:
                features = block(features)
        return features

    def _run_strips(self, images: torch.Tensor) -> torch.Tensor:
        """Run the first blocks strip by strip: `(N, 3, H, W)` -> `(N, 128, H / 2, W / 2)`, with identical values.

        Their activations are by far the largest. Those of a strip stay in the CPU's cache and need little memory.
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
    """Connectionist Text Proposal Network.

    Args:
        architecture: Sizes of the layers; the default is that of the released weights.
    """

    def __init__(self, architecture: Architecture | None = None) -> None:
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
            images: `(N, 3, H, W)` BGR from 0 to 255 minus `PIXEL_MEAN`; H and W are multiples of 16.

        Returns:
            Scores and coordinates of all anchors, float32.
        """
        features = torch.relu(self.window(self.trunk(images) * FEATURE_SCALE))
        n, channels, rows, columns = features.shape
        # N x C x R x W -> (N R) x W x C: each row of cells is one sequence.
        sequence = features.permute(0, 2, 3, 1).reshape(n * rows, columns, channels)
        # These layers are cheap, and half precision would make coordinates inexact.
        with torch.autocast(images.device.type, enabled=False):
            context, _ = self.recurrent(sequence.float())
            hidden = torch.relu(self.dense(context))
            scores, vertical, side = self.scores(hidden), self.vertical(hidden), self.side(hidden)
        return Output(
            scores.view(n, rows, columns, -1, 2),
            vertical.view(n, rows, columns, -1, 2),
            side.view(n, rows, columns, -1),
        )


def normalize(gray: torch.Tensor) -> torch.Tensor:
    """Turn gray pixels `(N, H, W)` uint8 into input `(N, 3, H, W)` float32, channels last."""
    single = gray.unsqueeze(1).float()
    # Number by number: a tensor of all three would be copied to the GPU each time.
    return torch.cat([single - mean for mean in PIXEL_MEAN], dim=1).contiguous(memory_format=torch.channels_last)

"""The CRNN in torch: convolutions that preserve the width, bidirectional LSTMs, CTC.

Shi, Bai, Yao, "An End-to-End Trainable Neural Network for Image-based Sequence Recognition and Its Application to
Scene Text Recognition", 2015, arXiv:1507.05717. Differences from the paper:

- the alphabet has the space, so that a segment of several words is read at once, and lower-case letters;
- the width follows the aspect ratio of the segment (times a stretch) instead of being squeezed to 100 px;
- three bidirectional LSTM layers are stacked, not two;
- batch normalization follows every convolution, not two of the seven;
- the seventh convolution is padded by a column, so that there is exactly one frame per four columns;
- the numbers of channels are settings, smaller than in the paper for speed on a CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from services.recognizer.network.architecture import Architecture


def _build_block(inputs: int, outputs: int, kernel: tuple[int, int] = (3, 3), padding: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class CRNN(nn.Module):
    """Convolutional recurrent network for text segments.

    Args:
        architecture: Sizes of the layers.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        c = architecture.channels
        self.features = nn.Sequential(
            _build_block(1, c[0]), nn.MaxPool2d(2),  # N x c0 x 16 x W/2
            _build_block(c[0], c[1]), nn.MaxPool2d(2),  # N x c1 x 8 x W/4
            _build_block(c[1], c[2]), _build_block(c[2], c[3]), nn.MaxPool2d((2, 1)),  # N x c3 x 4 x W/4
            _build_block(c[3], c[4]), _build_block(c[4], c[5]), nn.MaxPool2d((2, 1)),  # N x c5 x 2 x W/4
        )  # fmt: skip
        self.last = _build_block(c[5], c[6], kernel=(2, 2), padding=0)
        self.recurrent = nn.LSTM(
            c[6],
            architecture.hidden,
            num_layers=architecture.layers,
            bidirectional=True,
            batch_first=True,
            dropout=architecture.dropout if architecture.layers > 1 else 0.0,
        )
        self.classifier = nn.Linear(2 * architecture.hidden, architecture.classes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Score the classes in each frame.

        Args:
            images: `(N, 1, 32, W)` from -1 (black) to 1 (white); `W` is a multiple of 4.

        Returns:
            `(N, W / 4, classes)` float32 logits.
        """
        features = self.features(images.contiguous(memory_format=torch.channels_last))
        features = self.last(F.pad(features, (0, 1)))  # N x C x 1 x W/4
        frames = features.squeeze(2).permute(0, 2, 1)  # N x C x T -> N x T x C
        frames, _ = self.recurrent(frames)
        logits: Tensor = self.classifier(frames)
        return logits.float()


def fuse_batch_norm(network: CRNN) -> CRNN:
    """Fold each batch normalization into its convolution, in place, for inference.

    Args:
        network: Network in evaluation mode.

    Returns:
        The same network, with the same outputs except for rounding. It can no longer be trained.
    """
    for module in network.modules():
        if isinstance(module, nn.Sequential) and len(module) == 3 and isinstance(module[1], nn.BatchNorm2d):
            convolution, norm = module[0], module[1]
            assert isinstance(convolution, nn.Conv2d)  # noqa: S101 - see `_build_block`
            module[0] = torch.nn.utils.fuse_conv_bn_eval(convolution, norm)
            module[1] = nn.Identity()
    return network

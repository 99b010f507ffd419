"""The character LSTM in torch: key information extraction with a stacked bidirectional LSTM.

As in the reference solution of the ICDAR 2019 challenge on scanned receipts (Huang et al., 2019, arXiv:2103.10213), the
text of a receipt is one sequence of characters, and a two-layer bidirectional LSTM (Hochreiter and Schmidhuber, 1997;
Schuster and Paliwal, 1997) assigns a class to each character. Differences from the reference solution:

- the embedding of a character is joined by layout features;
- a convolution sees the neighbors of a character before the LSTM does;
- all characters of a segment see the mean over the segment;
- there are more classes than the original five (`classes`), and an output for the start of an item.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from services.extractor.encoding import CODES
from services.extractor.network.architecture import Architecture


class CharacterLSTM(nn.Module):
    """Character-wise LSTM.

    Args:
        architecture: Sizes of the layers; the default is that of the first released weights.
    """

    def __init__(self, architecture: Architecture | None = None) -> None:
        super().__init__()
        self.architecture = architecture = architecture or Architecture()
        hidden, features = architecture.hidden, architecture.features
        self.embedding = nn.Embedding(CODES, architecture.embedding, padding_idx=0)
        self.convolution = nn.Conv1d(architecture.embedding + features, architecture.channels, kernel_size=5, padding=2)
        self.dropout = nn.Dropout(architecture.dropout)
        self.first = BidirectionalLSTM(2 * architecture.channels + features, hidden)
        self.second = BidirectionalLSTM(2 * hidden, hidden)
        self.classifier = nn.Linear(2 * hidden, architecture.outputs)

    def forward(self, codes: Tensor, features: Tensor, segment: Tensor, lengths: Tensor) -> Tensor:
        """Score every character.

        Args:
            codes: `(N, T)` int64, 0 in the padding.
            features: `(N, T, F)` float32; features that the network does not use are ignored.
            segment: `(N, T)` int64 segment of each character, counted from 0 in each receipt; any number in the
                padding.
            lengths: `(N,)` int64 characters of each receipt, all above 0.

        Returns:
            `(N, T, outputs)` logits of the classes, then of the start of an item if the network has that output;
            meaningless in the padding.
        """
        features = features[..., : self.architecture.features]
        inputs = torch.cat([self.embedding(codes), features], dim=2)
        # N x T x C -> N x C x T for the convolution, and back.
        local = torch.relu(self.convolution(inputs.transpose(1, 2))).transpose(1, 2)
        mask = (codes != 0).unsqueeze(2)
        joined = torch.cat([local, _average_segments(local * mask, segment, mask), features], dim=2)
        states = self.first(self.dropout(joined), lengths)
        states = self.second(self.dropout(states), lengths)
        logits: Tensor = self.classifier(self.dropout(states))
        return logits


class BidirectionalLSTM(nn.Module):
    """A layer of two LSTMs over padded sequences that do not see the padding.

    Each sequence is reversed within its own length. `pack_padded_sequence` gives the same result, but its backward pass
    takes a hundred times as long on a CPU.

    Args:
        inputs: Width of the input.
        hidden: Width of each direction.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.ahead = nn.LSTM(inputs, hidden, batch_first=True)
        self.back = nn.LSTM(inputs, hidden, batch_first=True)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Run the layer: `(N, T, inputs)` and `(N,)` lengths -> `(N, T, 2 * hidden)`, meaningless in the padding."""
        steps = torch.arange(values.shape[1], device=values.device).unsqueeze(0)
        last = lengths.to(values.device).unsqueeze(1) - 1
        mirror = torch.where(steps <= last, last - steps, steps).unsqueeze(2)
        reverse = values.gather(1, mirror.expand_as(values))
        back = self.back(reverse)[0]
        return torch.cat([self.ahead(values)[0], back.gather(1, mirror.expand_as(back))], dim=2)


def _average_segments(values: Tensor, segment: Tensor, mask: Tensor) -> Tensor:
    """Replace `values` `(N, T, C)`, zero in the padding, by their mean over each segment."""
    count, time, channels = values.shape
    size = int(segment.max()) + 1
    place = segment + size * torch.arange(count, device=segment.device).unsqueeze(1)
    flat = place.reshape(-1)
    sums = values.new_zeros(count * size, channels).index_add(0, flat, values.reshape(-1, channels))
    counts = values.new_zeros(count * size, 1).index_add(0, flat, mask.reshape(-1, 1).to(values.dtype))
    return (sums / counts.clamp(min=1.0))[flat].reshape(count, time, channels)

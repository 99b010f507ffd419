"""Test adapting start weights of the trunk."""

from __future__ import annotations

import torch

from services.detector.network.architecture import PIXEL_MEAN
from services.detector.training.trunk import adapt_first_layer


def test_adapted_first_layer_has_same_output() -> None:
    torch.manual_seed(0)
    theirs = torch.nn.Conv2d(3, 4, 3)
    # Blue, green, red.
    picture = torch.randint(0, 255, (1, 3, 8, 8)).float()
    mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    rgb = (picture.flip(1) / 255 - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    ours = torch.nn.Conv2d(3, 4, 3)
    ours.load_state_dict(adapt_first_layer(theirs.state_dict()))
    assert torch.allclose(ours(picture - torch.tensor(PIXEL_MEAN).view(1, 3, 1, 1)), theirs(rgb), atol=1e-3)

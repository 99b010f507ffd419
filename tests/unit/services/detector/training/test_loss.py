"""Test the loss of CTPN."""

from __future__ import annotations

import torch

from services.detector.network.network import Output
from services.detector.training.loss import compute_loss


def targets_and_output(margin: float) -> tuple[Output, torch.Tensor, torch.Tensor, torch.Tensor]:
    labels = torch.tensor([1, 0, 0, -1]).view(1, 1, 2, 2)
    scores = torch.zeros(1, 1, 2, 2, 2)
    scores[..., 1] = torch.tensor([margin, -margin, -margin, 50.0]).view(1, 1, 2, 2)
    vertical, side = torch.zeros(1, 1, 2, 2, 2), torch.zeros(1, 1, 2, 2)
    return Output(scores, vertical.clone(), side.clone()), labels, vertical, side


def test_loss_is_small_for_correct_output_and_skips_excluded_anchors() -> None:
    assert compute_loss(*targets_and_output(12.0)).total < 1e-4
    assert compute_loss(*targets_and_output(-3.0)).scores > 2.0


def test_coordinates_count_for_text_only() -> None:
    output, labels, vertical, side = targets_and_output(12.0)
    # Excluded, not text.
    output.vertical[0, 0, 1] += 5.0
    assert compute_loss(output, labels, vertical, side).vertical == 0
    output.vertical[0, 0, 0, 0] += 1.0
    output.side[0, 0, 0, 0] += 1.0
    loss = compute_loss(output, labels, vertical, side)
    assert loss.vertical > 0.5
    assert loss.side > 0.5


def test_batch_without_text_has_finite_loss() -> None:
    output, labels, vertical, side = targets_and_output(3.0)
    assert torch.isfinite(compute_loss(output, torch.zeros_like(labels), vertical, side).total)

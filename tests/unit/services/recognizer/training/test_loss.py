"""Test the CTC loss for labels without case or spaces."""

from __future__ import annotations

import pytest
import torch

from services.recognizer.training.loss import compute_loss, merge_log_case

PAIRS = [(1, 2), (3, 4)]


def compute_case_loss(logits: torch.Tensor, target: list[int], *, cased: bool) -> torch.Tensor:
    frames, lengths = torch.tensor([logits.shape[1]]), torch.tensor([len(target)])
    return compute_loss(logits, frames, torch.tensor(target), lengths, torch.tensor([cased]), PAIRS)


def test_case_counts_only_for_cased_labels() -> None:
    logits = torch.zeros(1, 3, 7)
    # Reads the lower case letter of the pair (1, 2).
    logits[0, :, 2] = 9.0
    assert compute_case_loss(logits, [1], cased=False) < 0.01
    assert compute_case_loss(logits, [1], cased=True) > 5.0
    assert compute_case_loss(logits, [2], cased=True) < 0.01


def test_merged_probabilities_stay_normalized() -> None:
    merged = merge_log_case(torch.randn(2, 5, 7).log_softmax(-1), PAIRS)
    torch.testing.assert_close(merged.exp().sum(-1), torch.ones(2, 5))


@pytest.mark.parametrize("cased", [True, False])
def test_gradient_matches_finite_differences(cased: bool) -> None:
    # CTC of torch returns the gradient of the scores before the softmax; merging case must keep it correct.
    torch.manual_seed(1)
    logits = torch.randn(1, 5, 7, dtype=torch.float64, requires_grad=True)
    compute_case_loss(logits, [1, 3, 5], cased=cased).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    step = 1e-5
    for frame in range(5):
        for label in range(7):
            shift = torch.zeros_like(logits)
            shift[0, frame, label] = step
            with torch.no_grad():
                slope = (
                    compute_case_loss(logits + shift, [1, 3, 5], cased=cased)
                    - compute_case_loss(logits - shift, [1, 3, 5], cased=cased)
                ) / (2 * step)
            assert float(logits.grad[0, frame, label]) == pytest.approx(float(slope), abs=1e-6)


def test_loss_is_per_character_and_ignores_padding() -> None:
    torch.manual_seed(2)
    logits = torch.randn(2, 6, 7)
    changed = logits.clone()
    changed[1, 4:] += 50.0 * torch.randn(2, 7)
    arguments = (
        torch.tensor([6, 4]),
        torch.tensor([1, 5, 3]),
        torch.tensor([2, 1]),
        torch.tensor([True, False]),
        PAIRS,
    )
    assert compute_loss(changed, *arguments) == pytest.approx(float(compute_loss(logits, *arguments)))
    single = sum(
        float(compute_loss(logits[i : i + 1, :t], torch.tensor([t]), torch.tensor(y), torch.tensor([len(y)]), c, PAIRS))
        * len(y)
        for i, (t, y, c) in enumerate([(6, [1, 5], torch.tensor([True])), (4, [3], torch.tensor([False]))])
    )
    assert float(compute_loss(logits, *arguments)) == pytest.approx(single / 3, rel=1e-5)

"""What the three trainings share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from shared.learning.training import ExponentialMovingAverage, TrainingRun, cosine_schedule


def _parts() -> tuple[nn.Module, torch.optim.Optimizer, ExponentialMovingAverage]:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    return model, torch.optim.AdamW(model.parameters()), ExponentialMovingAverage(model, 0.9)


def _train(
    model: nn.Module, optimizer: torch.optim.Optimizer, average: ExponentialMovingAverage, steps: int
) -> torch.Tensor:
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.linspace(-1, 1, 12).reshape(4, 3)).square().sum().backward()
        optimizer.step()
        average.update(model)
    return next(model.parameters()).detach().clone()


def test_a_resumed_run_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    run = TrainingRun(tmp_path, seed=1)
    model, optimizer, average = _parts()
    _train(model, optimizer, average, 3)
    run.step = 3
    run.save(model=model, optimizer=optimizer, average=average, extra={"data": "x"})
    expected = _train(model, optimizer, average, 2)

    again = TrainingRun(tmp_path, seed=1)
    model2, optimizer2, average2 = _parts()
    assert again.resume(model=model2, optimizer=optimizer2, average=average2) == {"data": "x"}
    assert again.step == 3
    torch.testing.assert_close(_train(model2, optimizer2, average2, 2), expected)
    for name, value in average.state_dict().items():
        torch.testing.assert_close(average2.state_dict()[name], value)


def test_a_fresh_run_has_nothing_to_resume(tmp_path: Path) -> None:
    model, optimizer, _ = _parts()
    assert TrainingRun(tmp_path, seed=1).resume(model=model, optimizer=optimizer) is None


def test_log_is_one_json_object_a_line(tmp_path: Path) -> None:
    run = TrainingRun(tmp_path, seed=1)
    run.log(loss=1.5)
    run.step = 7
    run.log(loss=1.0)
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(record["step"], record["loss"]) for record in records] == [(0, 1.5), (7, 1.0)]


def test_average_follows_slowly_and_is_taken_back() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    average = ExponentialMovingAverage(model, 0.5)
    average.updates = 1_000
    nn.init.constant_(model.weight, 1.0)
    average.update(model)
    with average.applied_to(model):
        assert model.weight.item() == pytest.approx(0.5)
    assert model.weight.item() == 1.0


def test_cosine_schedule() -> None:
    assert cosine_schedule(0, 100, 1.0, 10) == pytest.approx(0.1)
    assert cosine_schedule(10, 100, 1.0, 10) == pytest.approx(1.0)
    assert cosine_schedule(55, 100, 1.0, 10) == pytest.approx(0.5)
    assert cosine_schedule(100, 100, 1.0, 10) == pytest.approx(0.0)
    assert cosine_schedule(500, 100, 1.0, 10) == pytest.approx(0.0)

"""Test runs, averages and schedules of trainings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from shared.learning.training import (
    ExponentialMovingAverage,
    TrainingRun,
    schedule_rate_by_progress,
    schedule_rate_by_step,
)


def build_parts() -> tuple[nn.Module, torch.optim.Optimizer, ExponentialMovingAverage]:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    return model, torch.optim.AdamW(model.parameters()), ExponentialMovingAverage(model, 0.9)


def take_steps(
    model: nn.Module, optimizer: torch.optim.Optimizer, average: ExponentialMovingAverage, steps: int
) -> torch.Tensor:
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.linspace(-1, 1, 12).reshape(4, 3)).square().sum().backward()
        optimizer.step()
        average.update(model)
    return next(model.parameters()).detach().clone()


def test_resumed_run_continues_as_if_never_stopped(tmp_path: Path) -> None:
    run = TrainingRun(tmp_path, seed=1)
    model, optimizer, average = build_parts()
    take_steps(model, optimizer, average, 3)
    run.step = 3
    run.save(model=model, optimizer=optimizer, average=average, extra={"data": "x"})
    expected = take_steps(model, optimizer, average, 2)

    again = TrainingRun(tmp_path, seed=1)
    model2, optimizer2, average2 = build_parts()
    assert again.resume(model=model2, optimizer=optimizer2, average=average2) == {"data": "x"}
    assert again.step == 3
    torch.testing.assert_close(take_steps(model2, optimizer2, average2, 2), expected)
    for name, value in average.state_dict().items():
        torch.testing.assert_close(average2.state_dict()[name], value)


def test_fresh_run_deletes_checkpoint(tmp_path: Path) -> None:
    model, optimizer, _ = build_parts()
    run = TrainingRun(tmp_path, seed=1)
    assert not run.has_checkpoint
    run.save(model=model, optimizer=optimizer)
    assert run.has_checkpoint
    fresh = TrainingRun(tmp_path, seed=1, fresh=True)
    assert not fresh.has_checkpoint
    assert fresh.resume(model=model, optimizer=optimizer) is None


def test_progress_is_that_of_steps_or_minutes(tmp_path: Path) -> None:
    run = TrainingRun(tmp_path, seed=1)
    run.step = 5
    assert run.compute_progress(20, None) == 0.25
    assert run.compute_progress(20, 1e9) == 0.25
    assert run.compute_progress(20, 1e-9) == 1.0
    assert run.compute_progress(2, None) == 1.0


def test_log_has_one_json_object_per_line(tmp_path: Path) -> None:
    run = TrainingRun(tmp_path, seed=1)
    run.log(loss=1.5)
    run.step = 7
    run.log(loss=1.0)
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(record["step"], record["loss"]) for record in records] == [(0, 1.5), (7, 1.0)]


def test_average_follows_and_is_applied_temporarily() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    average = ExponentialMovingAverage(model, 0.5)
    average.updates = 1_000
    nn.init.constant_(model.weight, 1.0)
    average.update(model)
    with average.apply_to(model):
        assert model.weight.item() == pytest.approx(0.5)
    assert model.weight.item() == 1.0


def test_rate_by_step_warms_up_and_decays() -> None:
    assert schedule_rate_by_step(0, 100, 1.0, 10) == pytest.approx(0.1)
    assert schedule_rate_by_step(10, 100, 1.0, 10) == pytest.approx(1.0)
    assert schedule_rate_by_step(55, 100, 1.0, 10) == pytest.approx(0.5)
    assert schedule_rate_by_step(100, 100, 1.0, 10) == pytest.approx(0.0)
    assert schedule_rate_by_step(500, 100, 1.0, 10) == pytest.approx(0.0)


def test_rate_by_progress_warms_up_and_decays() -> None:
    assert schedule_rate_by_progress(0, 0.0, 1.0, 10) == pytest.approx(0.1)
    assert schedule_rate_by_progress(99, 0.0, 1.0, 10) == pytest.approx(1.0)
    assert schedule_rate_by_progress(99, 0.5, 1.0, 10) == pytest.approx(0.5)
    assert schedule_rate_by_progress(99, 1.0, 1.0, 10) == pytest.approx(0.0)

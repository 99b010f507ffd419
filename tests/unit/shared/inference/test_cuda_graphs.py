"""Tests of recording and transfers, with a recorder for the CPU in all tests but the last."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from shared.inference.cuda_graphs import GraphedFunction, Recording, run_on_device, start_transfer

CPU = torch.device("cpu")


class Doubling:
    """A function and its recorder; a recording doubles its input tensor into the same result tensor each time."""

    def __init__(self) -> None:
        self.computed: list[tuple[int, ...]] = []
        self.recorded: list[tuple[int, ...]] = []
        self.replayed = 0

    def __call__(self, batch: Tensor) -> tuple[Tensor, ...]:
        self.computed.append(tuple(batch.shape))
        return (batch * 2,)

    def record(self, function: object, batch: Tensor) -> Recording:
        assert function is self
        self.recorded.append(tuple(batch.shape))
        inputs, result = torch.zeros_like(batch), torch.zeros_like(batch)

        def run() -> None:
            self.replayed += 1
            torch.mul(inputs, 2, out=result)

        return Recording(inputs, (result,), run)


def test_shape_is_recorded_when_it_recurs() -> None:
    double = Doubling()
    graphed = GraphedFunction(double, CPU, double.record)
    answers = [graphed(torch.full((2, 3), float(n)))[0][0, 0].item() for n in range(4)]
    assert answers == [0.0, 2.0, 4.0, 6.0]
    assert (double.computed, double.recorded, double.replayed) == ([(2, 3)], [(2, 3)], 3)
    graphed(torch.ones(5))
    assert (double.computed, double.recorded) == ([(2, 3), (5,)], [(2, 3)])


def test_least_recently_used_recordings_are_dropped() -> None:
    double = Doubling()
    graphed = GraphedFunction(double, CPU, double.record, max_recordings=2)
    for size in (1, 2, 1, 2, 1, 3, 3, 1, 2):  # recorded: 1, 2, then 3 instead of 2, then 2 again instead of 3
        assert graphed(torch.ones(size))[0].tolist() == [2.0] * size
    assert double.recorded == [(1,), (2,), (3,), (2,)]


def test_nothing_is_recorded_on_the_cpu() -> None:
    double = Doubling()
    run = run_on_device(double, CPU, graphs=True)
    for _ in range(3):
        run(torch.ones(1))
    assert double.computed == [(1,)] * 3


def test_results_arrive_as_float32() -> None:
    transfer = start_transfer((torch.ones(2, dtype=torch.bfloat16), torch.zeros(1)))
    assert [(array.dtype.name, array.tolist()) for array in transfer.wait()] == [
        ("float32", [1.0, 1.0]),
        ("float32", [0.0]),
    ]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_recording_on_cuda_equals_the_function() -> None:
    device = torch.device("cuda")
    layer = torch.nn.LSTM(8, 8, batch_first=True, bidirectional=True).to(device)
    run = run_on_device(lambda batch: (layer(batch)[0],), device, graphs=True)
    with torch.inference_mode():
        for _ in range(4):
            batch = torch.randn(3, 5, 8)
            (found,) = start_transfer(run(batch)).wait()
            expected = layer(batch.to(device))[0].cpu().numpy()
            assert found == pytest.approx(expected, abs=1e-5)

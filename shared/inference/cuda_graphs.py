"""Runs a network on CUDA as recorded graphs, one for each shape of input, with copies from and to pinned memory.

Starting the kernels of a small network one by one takes the processor longer than running them takes the GPU; a graph
starts them all at once (torch.cuda.CUDAGraph, https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from shared.arrays import Floats

Function = Callable[[Tensor], tuple[Tensor, ...]]

_MOST = 32
"""Graphs that are kept; the ones that were not used for longest are dropped."""
_WARM_UPS = 3
"""Runs before one is recorded, in which libraries choose their kernels and take their memory."""


class Recording(NamedTuple):
    """A function as it ran once: `run` does it again on what is in `given`, and leaves the results in `results`."""

    given: Tensor
    results: tuple[Tensor, ...]
    run: Callable[[], None]


class Recorder:
    """Records on CUDA. All recordings share memory, so that results last until the next one is run.

    Args:
        device: A CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, function: Function, batch: Tensor) -> Recording:
        """Record a function that neither waits for the GPU nor copies from the host.

        Args:
            function: What to record.
            batch: An input of the shape that it is recorded for, on the device.
        """
        with torch.cuda.device(self._device):
            given = batch.clone()
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(_WARM_UPS):
                    function(given)
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool):
                results = function(given)
            return Recording(given, results, graph.replay)


class GraphedFunction:
    """A function of one tensor whose shapes come again; called from one thread.

    A shape that is met for the first time is computed as it is, and recorded when it is met again: sizes that come once
    are not worth it.

    Args:
        function: Takes a tensor on the device, gives tensors on it.
        device: Where it runs.
        record: Makes a recording; `Recorder(device)`.
        most: Recordings that are kept.
    """

    def __init__(
        self,
        function: Function,
        device: torch.device,
        record: Callable[[Function, Tensor], Recording],
        *,
        most: int = _MOST,
    ) -> None:
        self._function = function
        self._device = device
        self._record = record
        self._most = most
        self._met: set[torch.Size] = set()
        self._recordings: OrderedDict[torch.Size, Recording] = OrderedDict()

    def __call__(self, batch: Tensor) -> tuple[Tensor, ...]:
        """The function's results, on the device, for a batch of the host; they last until the next call."""
        waiting = pinned(batch, self._device)
        recording = self._recordings.get(batch.shape)
        if recording is None:
            on_device = waiting.to(self._device, non_blocking=True)
            if batch.shape not in self._met:
                self._met.add(batch.shape)
                return self._function(on_device)
            recording = self._recordings[batch.shape] = self._record(self._function, on_device)
            if len(self._recordings) > self._most:
                self._recordings.popitem(last=False)
        self._recordings.move_to_end(batch.shape)
        recording.given.copy_(waiting, non_blocking=True)
        recording.run()
        return recording.results


def pinned(batch: Tensor, device: torch.device) -> Tensor:
    """A host tensor in memory that CUDA copies from while the processor goes on; as it is for other devices."""
    return batch.pin_memory() if device.type == "cuda" else batch


class Coming(NamedTuple):
    """Results on their way to the host."""

    copies: tuple[Tensor, ...]
    done: torch.cuda.Event | None

    def arrays(self) -> tuple[Floats, ...]:
        """Wait for them."""
        if self.done is not None:
            self.done.synchronize()
        return tuple(copy.numpy() for copy in self.copies)


def to_host(results: tuple[Tensor, ...]) -> Coming:
    """Begin to copy results to the host as float32, without waiting for those of CUDA."""
    copies = tuple(one.float().to("cpu", non_blocking=True) for one in results)
    device = results[0].device
    if device.type != "cuda":
        return Coming(copies, None)
    done = torch.cuda.Event()  # type: ignore[no-untyped-call]
    done.record(torch.cuda.current_stream(device))
    return Coming(copies, done)


def on_device(function: Function, device: torch.device, *, graphs: bool) -> Function:
    """What runs a function of a device's tensors on one of the host.

    Args:
        function: Neither waits for the device nor copies from the host.
        device: Where it runs.
        graphs: Whether it is recorded; on CUDA only, elsewhere nothing is.
    """
    if graphs and device.type == "cuda":
        return GraphedFunction(function, device, Recorder(device))
    return lambda batch: function(pinned(batch, device).to(device, non_blocking=True))

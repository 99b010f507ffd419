"""Run a network on CUDA as recorded graphs, one per shape of input, with copies from and to pinned memory.

Starting the kernels of a small network one by one takes the CPU longer than running them takes the GPU. A graph starts
all of them at once (torch.cuda.CUDAGraph, https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from shared.arrays import Floats

Function = Callable[[Tensor], tuple[Tensor, ...]]

# Recordings that are kept; the least recently used are dropped.
_MAX_RECORDINGS = 32
# Runs before a recording, in which libraries choose their kernels and allocate memory.
_WARM_UPS = 3


class Recording(NamedTuple):
    """A recorded function.

    Attributes:
        inputs: Tensor that `run` reads.
        results: Tensors that `run` writes.
        run: Runs the function again.
    """

    inputs: Tensor
    results: tuple[Tensor, ...]
    run: Callable[[], None]


class Recorder:
    """Records functions on CUDA. All recordings share memory, so results last until the next one is run.

    Args:
        device: CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, function: Function, batch: Tensor) -> Recording:
        """Record a function that neither waits for the GPU nor copies from the host.

        Args:
            function: Function to record.
            batch: Input on the device, of the shape for which to record.
        """
        with torch.cuda.device(self._device):
            inputs = batch.clone()
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UPS):
                    function(inputs)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool):
                results = function(inputs)
            return Recording(inputs, results, graph.replay)


class GraphedFunction:
    """A function of one tensor, recorded per shape of the tensor. Call it from one thread.

    A shape is recorded when it occurs for the second time, because shapes that occur once are not worth it.

    Args:
        function: Takes a tensor on the device and returns tensors on it.
        device: Device that runs the function.
        record: Makes a recording, for example `Recorder(device)`.
        max_recordings: Maximum number of recordings that are kept.
    """

    def __init__(
        self,
        function: Function,
        device: torch.device,
        record: Callable[[Function, Tensor], Recording],
        *,
        max_recordings: int = _MAX_RECORDINGS,
    ) -> None:
        self._function = function
        self._device = device
        self._record = record
        self._max_recordings = max_recordings
        self._seen: set[torch.Size] = set()
        self._recordings: OrderedDict[torch.Size, Recording] = OrderedDict()

    def __call__(self, batch: Tensor) -> tuple[Tensor, ...]:
        """Return the results, on the device, for a batch on the host; they last until the next call."""
        pinned = _pin(batch, self._device)
        recording = self._recordings.get(batch.shape)
        if recording is None:
            on_device = pinned.to(self._device, non_blocking=True)
            if batch.shape not in self._seen:
                self._seen.add(batch.shape)
                return self._function(on_device)
            recording = self._recordings[batch.shape] = self._record(self._function, on_device)
            if len(self._recordings) > self._max_recordings:
                self._recordings.popitem(last=False)
        self._recordings.move_to_end(batch.shape)
        recording.inputs.copy_(pinned, non_blocking=True)
        recording.run()
        return recording.results


class Transfer(NamedTuple):
    """Results on their way to the host.

    Attributes:
        copies: Tensors on the host, valid once the transfer is done.
        done: Event at the end of the transfer; None if it is done.
    """

    copies: tuple[Tensor, ...]
    done: torch.cuda.Event | None

    def wait(self) -> tuple[Floats, ...]:
        """Wait for the results and return them."""
        if self.done is not None:
            self.done.synchronize()
        return tuple(copy.numpy() for copy in self.copies)


def start_transfer(results: tuple[Tensor, ...]) -> Transfer:
    """Start to copy results to the host as float32, without waiting for CUDA."""
    copies = tuple(one.float().to("cpu", non_blocking=True) for one in results)
    device = results[0].device
    if device.type != "cuda":
        return Transfer(copies, None)
    done = torch.cuda.Event()  # type: ignore[no-untyped-call]
    done.record(torch.cuda.current_stream(device))
    return Transfer(copies, done)


def run_on_device(function: Function, device: torch.device, *, graphs: bool) -> Function:
    """Return a function of tensors on the host that runs a function of tensors on a device.

    Args:
        function: Function that neither waits for the device nor copies from the host.
        device: Device that runs the function.
        graphs: Whether to record the function; ignored except on CUDA.
    """
    if graphs and device.type == "cuda":
        return GraphedFunction(function, device, Recorder(device))
    return lambda batch: function(_pin(batch, device).to(device, non_blocking=True))


def _pin(batch: Tensor, device: torch.device) -> Tensor:
    """Put a tensor into memory from which CUDA copies asynchronously; leave it unchanged for other devices."""
    return batch.pin_memory() if device.type == "cuda" else batch

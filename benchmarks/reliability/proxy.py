"""A TCP proxy that fails on command: its target seems to be down, to hang, to be slow or to reset connections."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Literal, Self

Mode = Literal["pass", "down", "hang", "slow", "reset"]
_NO_LINGER = struct.pack("ii", 1, 0)


class FaultProxy:
    """Forwards bytes to a port of this machine, or fails, depending on its mode.

    Args:
        target: The port of the target.
        delay_s: Delay of each chunk from the target in mode `slow`.

    Attributes:
        port: The port of the proxy.
    """

    def __init__(self, target: int, *, delay_s: float = 0.2) -> None:
        self.port = 0
        self._target = target
        self._delay_s = delay_s
        self._mode: Mode = "pass"
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def set_mode(self, mode: Mode) -> None:
        """Change the mode, for open connections too."""
        self._mode = mode
        if mode == "hang":
            self._flowing.clear()
        else:
            self._flowing.set()
        if mode in ("down", "reset"):
            for writer in list(self._open):
                self._reset(writer)
        if mode == "down":
            await self._close()
        elif self._server is None:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            self._reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self._mode == "reset":
                self._reset(writer)
                return
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._open.add(target_writer)
            try:
                await asyncio.gather(self._pump(reader, target_writer), self._pump(target_reader, writer, delayed=True))
            finally:
                self._open.discard(target_writer)
                target_writer.close()
        except (OSError, asyncio.CancelledError):
            return  # one side is gone, or the measurement is over
        finally:
            self._open.discard(writer)
            writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, delayed: bool = False) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                await self._flowing.wait()
                if self._mode == "slow" and delayed:
                    await asyncio.sleep(self._delay_s)
                sink.write(data)
                await sink.drain()
        sink.close()

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        transport = writer.transport
        with suppress(OSError):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()

"""What one caller can do to the others: slow files, silent connections, large bodies, many event streams."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import resource
import time
import zlib
from collections import Counter
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
from PIL import Image

from benchmarks.processes import ROOT, Process
from benchmarks.reliability.deployment import StandInDeployment
from benchmarks.reliability.load import generate_pictures, open_client

_SAMPLE = ROOT / "tests" / "samples" / "malaysia.jpg"
_HEADERS = {"Content-Type": "application/octet-stream"}
_NO_RESPONSE = 0


async def scans(*, files: int = 2, scans: int = 80_000, seconds: float = 10.0) -> dict[str, Any]:
    """Send JPEGs with many empty scans; measure receipts from the cache meanwhile, and the end after SIGTERM.

    Args:
        files: Number of JPEGs, sent at once.
        scans: Scans per JPEG.
        seconds: How long to ask for the cached receipt.
    """
    with StandInDeployment() as deployment:
        gateway = deployment.start_app("all", "gateway")
        async with open_client(gateway.url) as http:
            receipt = (await http.post("/v1/receipts", content=_SAMPLE.read_bytes(), headers=_HEADERS)).json()
            hostile = [build_scans(scans, number) for number in range(files)]
            started = time.monotonic()
            attacks = [asyncio.create_task(_post(http, "/v1/receipts", data)) for data in hostile]
            cached: list[tuple[int, float]] = []
            while time.monotonic() < started + seconds:
                cached.append(await _time(http.get(f"/v1/receipts/{receipt['id']}", timeout=20.0)))
                await asyncio.sleep(0.1)
            alive = (await _time(http.get("/healthz")))[0]
            ended = time.monotonic()
            try:
                await asyncio.to_thread(gateway.stop)
            except RuntimeError:  # killed in the end
                exit_s = float("inf")
            else:
                exit_s = round(time.monotonic() - ended, 1)
            answers = await asyncio.gather(*attacks)
    return {
        "bytes": len(hostile[0]),
        "answers": [{"status": status, "seconds": round(taken, 2)} for status, taken in answers],
        "cached": dict(Counter(str(status) for status, _ in cached)),
        "cached_ms": _summarize([taken for _, taken in cached]),
        "healthz": alive,
        "exit_s": exit_s,
    }


async def sockets(*, connections: int = 500, seconds: float = 14.0, files: int = 200) -> dict[str, Any]:
    """Open connections that send nothing, then more than the gateway may have open files.

    Args:
        connections: Number of silent connections.
        seconds: When to count those that are still open.
        files: Limit on open files that the gateway gets while it runs.
    """
    with StandInDeployment() as deployment:
        gateway = deployment.start_gateway("gateway", deployment.start_stages())
        opened = await asyncio.gather(*(_connect(gateway) for _ in range(connections)))
        await asyncio.sleep(seconds)
        still_open = sum(not reader.at_eof() for reader, _ in opened)
        for _, writer in opened:
            writer.close()
        await asyncio.sleep(1)
        before = gateway.log.stat().st_size
        _, hard = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (files, hard))
        more = [asyncio.create_task(_connect(gateway)) for _ in range(2 * files)]
        await asyncio.sleep(5)
        written = gateway.log.stat().st_size - before
        for task in more:
            if task.done() and not task.exception():
                task.result()[1].close()
            task.cancel()
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (hard, hard))
        await asyncio.sleep(2)
        async with open_client(gateway.url) as http:
            status = (await _time(http.get("/healthz")))[0]
    return {
        "connections": connections,
        f"open_after_{seconds:g}_s": still_open,
        "log_bytes_in_5_s_without_files": written,
        "healthz_afterwards": status,
    }


async def bodies(*, uploads: int = 100, megabytes: int = 10) -> dict[str, Any]:
    """Send all of many bodies but their last byte, and measure the memory of the gateway.

    Args:
        uploads: Number of bodies at once.
        megabytes: Size of each.
    """
    with StandInDeployment() as deployment:
        gateway = deployment.start_gateway("gateway", deployment.start_stages())
        before = gateway.resident_bytes()
        size = megabytes * 1024 * 1024
        head = f"POST /v1/receipts HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()

        async def upload() -> int:
            reader, writer = await _connect(gateway)
            writer.write(head)
            answer = asyncio.create_task(reader.read(12))
            try:
                for _ in range(megabytes * 16):
                    writer.write(bytes(65_536))
                    await asyncio.wait_for(writer.drain(), 10)
                    if answer.done():
                        break
                done, _ = await asyncio.wait({answer}, timeout=5)
            except (OSError, TimeoutError):
                done, _ = await asyncio.wait({answer}, timeout=1)
            return int(answer.result()[9:12]) if done and not answer.exception() else _NO_RESPONSE

        # Without its last byte no body is complete, so those that are kept wait.
        head = head.replace(str(size).encode(), str(size + 1).encode())
        tasks = [asyncio.create_task(upload()) for _ in range(uploads)]
        peak = before
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0.1)
            peak = max(peak, gateway.resident_bytes())
        statuses = Counter(str(task.result()) for task in tasks)
    return {"uploads": uploads, "statuses": dict(statuses), "memory_growth_mib": round((peak - before) / 2**20)}


async def pages(*, documents: int = 20, page_seconds: int = 4) -> dict[str, Any]:
    """Send slow PDFs to /v1/pages, then a good one from another address, and measure how long it takes.

    Args:
        documents: Number of slow PDFs, sent at once.
        page_seconds: CPU seconds allowed per rendered page.
    """
    limit = {"QUITTANCE_MAX_PAGE_S": str(page_seconds)}
    good = io.BytesIO()
    Image.new("RGB", (120, 200), "white").save(good, "PDF")
    hostile = build_slow_pdf()
    with StandInDeployment() as deployment:
        gateway = deployment.start_gateway("gateway", deployment.start_stages(), **limit)
        other = httpx2.AsyncHTTPTransport(local_address="127.0.0.2")
        async with (
            open_client(gateway.url) as http,
            httpx2.AsyncClient(base_url=gateway.url, transport=other, timeout=120.0) as another,
        ):
            alone = await _post(another, "/v1/pages", good.getvalue())
            slow = [asyncio.create_task(_post(http, "/v1/pages", hostile)) for _ in range(documents)]
            await asyncio.sleep(1)
            status, delayed_s = await _post(another, "/v1/pages", good.getvalue())
            answers = await asyncio.gather(*slow)
    return {
        "good": status,
        "alone_s": round(alone[1], 2),
        "with_slow_documents_s": round(delayed_s, 2),
        "slow": dict(Counter(str(answer) for answer, _ in answers)),
        "refused_ms": _summarize([taken for answer, taken in answers if answer == 503]),
    }


async def streams(*, count: int = 100, seconds: float = 10.0) -> dict[str, Any]:
    """Follow jobs with many event streams, and measure the CPU time of the gateway.

    Args:
        count: Number of streams, spread over ten jobs.
        seconds: Duration of the measurement.
    """
    with StandInDeployment() as deployment:
        gateway = deployment.start_gateway("gateway", deployment.start_stages(seconds=2.0))
        async with open_client(gateway.url) as http:
            pictures = generate_pictures()
            jobs = [await _create_job(http, [next(pictures) for _ in range(5)]) for _ in range(10)]
            idle = await _measure_cpu(gateway, seconds)
            events = Counter[str]()

            async def follow(job_id: str) -> None:
                async with http.stream("GET", f"/v1/jobs/{job_id}/events") as response:
                    async for line in response.aiter_lines():
                        events[line] += line.startswith("event:")

            tasks = [asyncio.create_task(follow(jobs[number % len(jobs)])) for number in range(count)]
            await asyncio.sleep(2)
            busy = await _measure_cpu(gateway, seconds)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return {"streams": count, "events": events.total(), "core_share": round(busy, 3), "without_streams": round(idle, 3)}


async def webhooks(*, count: int = 10) -> dict[str, Any]:
    """Let jobs send webhooks to a host that never answers, and measure how late the webhook of another job is.

    Args:
        count: Number of webhooks to the host that never answers.
    """
    arrived = asyncio.Event()
    kept: list[asyncio.StreamWriter] = []

    async def never_answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.append(writer)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    secret = base64.b64encode(os.urandom(24)).decode()
    settings = {"QUITTANCE_WEBHOOK_SECRET": f"whsec_{secret}", "QUITTANCE_WEBHOOK_PRIVATE_ADDRESSES": "on"}
    with StandInDeployment() as deployment:
        gateway = deployment.start_gateway("gateway", deployment.start_stages(), **settings)
        async with (
            await asyncio.start_server(never_answer, "127.0.0.1", 0) as tarpit,
            await asyncio.start_server(accept, "127.0.0.1", 0) as receiver,
            open_client(gateway.url) as http,
        ):
            pictures = generate_pictures()
            slow, good = (f"{one.sockets[0].getsockname()[1]}/hook" for one in (tarpit, receiver))
            for _ in range(count):
                await _create_job(http, [next(pictures)], f"http://127.0.0.1:{slow}")
            await asyncio.sleep(2)  # their attempts have begun
            started = time.monotonic()
            await _create_job(http, [next(pictures)], f"http://localhost:{good}")
            with suppress(TimeoutError):
                await asyncio.wait_for(arrived.wait(), 200)
            delay_s = time.monotonic() - started
            for writer in kept:
                writer.close()
    return {"never_answered": count, "at_once": len(kept), "other_webhook_s": round(delay_s, 2)}


def build_scans(count: int, number: int = 0, side: int = 2_500) -> bytes:
    """Build a progressive CMYK JPEG with empty scans of all four components."""
    buffer = io.BytesIO()
    Image.new("CMYK", (side, side), (number, 0, 0, 0)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    frame = data.index(b"\xff\xc2")
    ids = [data[frame + 10 + 3 * component] for component in range(4)]
    scan = b"\xff\xda\x00\x0e\x04" + b"".join(bytes([one, 0]) for one in ids) + b"\x00\x00\x10"
    return data[:-2] + scan * count + data[-2:]


def build_slow_pdf() -> bytes:
    """Build a PDF of one small page that is slow to draw: half a million rectangles."""
    drawing = zlib.compress(b"0 0 90 90 re f " * 500_000, 9)
    return (
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Filter/FlateDecode/Length %d>>stream\n%b\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%%%EOF"
    ) % (len(drawing), drawing)


async def _post(http: httpx2.AsyncClient, path: str, data: bytes) -> tuple[int, float]:
    return await _time(http.post(path, content=data, headers=_HEADERS, timeout=120.0))


async def _time(request: Any) -> tuple[int, float]:
    """Return the status of a request, 0 without a response, and its seconds."""
    started = time.monotonic()
    try:
        status = (await request).status_code
    except httpx2.TransportError:
        status = _NO_RESPONSE
    return status, time.monotonic() - started


async def _connect(process: Process) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", process.port)


async def _create_job(http: httpx2.AsyncClient, pictures: list[bytes], webhook_url: str | None = None) -> str:
    files = [("files", (f"{number}.png", picture, "image/png")) for number, picture in enumerate(pictures)]
    form = {} if webhook_url is None else {"webhook_url": webhook_url}
    response = await http.post("/v1/jobs", files=files, data=form)
    response.raise_for_status()
    return str(response.json()["id"])


async def _measure_cpu(process: Process, seconds: float) -> float:
    """Return the share of a core that a process uses."""
    before = _cpu_s(process.pid)
    await asyncio.sleep(seconds)
    return (_cpu_s(process.pid) - before) / seconds


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _summarize(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {"median": round(median(seconds) * 1000, 1), "most": round(max(seconds) * 1000, 1)}

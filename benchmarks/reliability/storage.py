"""What one caller can do to what is stored: zips that fill the disk, requests that push out responses and receipts."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.processes import ROOT
from benchmarks.reliability.deployment import StandInDeployment
from benchmarks.reliability.load import generate_pictures, open_client

_MIB = 2**20
_FILE_MIB = 10  # a file of a job may have as much
_PICTURE_HEADERS = {"Content-Type": "application/octet-stream"}
_AT_ONCE = 20


async def bombs(*, disk_mib: int = 800, zips: int = 4, files: int = 25) -> dict[str, Any]:
    """Send small zips of large files to a gateway with a small disk, restart it, and create an API key.

    Needs the right to mount a disk.

    Args:
        disk_mib: Size of the disk of the state directory.
        zips: Number of zips, sent at once.
        files: Files per zip, each of 10 MiB once unpacked.
    """
    archive = build_zip(files)
    with StandInDeployment() as deployment, _mount_disk(deployment.folder / "state", disk_mib) as state:
        stages = deployment.start_stages()
        settings = {"QUITTANCE_STATE_DIRECTORY": str(state)}
        gateway = deployment.start_gateway("gateway", stages, **settings)
        async with open_client(gateway.url) as http:
            form = [("files", ("a.zip", archive, "application/zip"))]
            responses = await asyncio.gather(*(http.post("/v1/jobs", files=form) for _ in range(zips)))
        await asyncio.sleep(5)
        afterwards = _count_bytes(state)
        gateway.stop()
        deployment.start_gateway("restarted", stages, **settings)
        await asyncio.sleep(5)
        restarted = _count_bytes(state)
        key = await asyncio.to_thread(_create_key, deployment.folder, settings)
        free = shutil.disk_usage(state).free
    return {
        "sent_mib": round(zips * len(archive) / _MIB, 1),
        "unpacked_mib": zips * files * _FILE_MIB,
        "disk_mib": disk_mib,
        "statuses": dict(Counter(str(response.status_code) for response in responses)),
        "left_mib": round(afterwards / _MIB),
        "left_after_restart_mib": round(restarted / _MIB),
        "free_mib": round(free / _MIB),
        "keys_create": {"exit": key.returncode, "has_traceback": "Traceback" in key.stderr},
    }


async def evictions(*, requests: int = 1_500, entries: int = 1_000) -> dict[str, Any]:
    """Send bad requests with idempotency keys; then ask from another address for what was stored before.

    Args:
        requests: Number of bad requests.
        entries: Maximum number of receipts and of responses that the gateway keeps.
    """
    limits = {f"QUITTANCE_{kind}_MAX_ENTRIES": str(entries) for kind in ("CACHE", "IDEMPOTENCY")}
    with StandInDeployment() as deployment:
        gateway = deployment.start_gateway("gateway", deployment.start_stages(), **limits)
        other = httpx2.AsyncHTTPTransport(local_address="127.0.0.2")
        async with (
            open_client(gateway.url) as http,
            httpx2.AsyncClient(base_url=gateway.url, transport=other, timeout=60.0) as another,
        ):
            picture, headers = next(generate_pictures()), _PICTURE_HEADERS | {"Idempotency-Key": "mine"}
            first = await another.post("/v1/receipts", content=picture, headers=headers)
            places = asyncio.Semaphore(_AT_ONCE)

            async def send(number: int) -> int:
                async with places:
                    bad = _PICTURE_HEADERS | {"Idempotency-Key": str(number)}
                    return (await http.post("/v1/receipts", content=b"bad", headers=bad)).status_code

            statuses = await asyncio.gather(*(send(number) for number in range(requests)))
            found = await another.get(f"/v1/receipts/{first.json()['id']}")
            again = await another.post("/v1/receipts", content=picture, headers=headers)
    return {
        "bad": dict(Counter(map(str, statuses))),
        "replayed": again.headers.get("idempotency-replayed") == "true",
        "cached": found.status_code == 200,
    }


def build_zip(files: int) -> bytes:
    """Build a zip of files that are 10 MiB of zeros each."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for index in range(files):
            archive.writestr(f"{index}.png", bytes(_FILE_MIB * _MIB))
    return buffer.getvalue()


@contextmanager
def _mount_disk(folder: Path, size_mib: int) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=700", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _create_key(folder: Path, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "quittance", "keys", "create", "books"],
        env=os.environ | settings | {"PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def _count_bytes(state: Path) -> int:
    return sum(file.stat().st_size for file in (state / "jobs").rglob("*") if file.is_file())

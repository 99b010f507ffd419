"""Writes the responses that the documentation shows, as a gateway in this process gives them.

python -m benchmarks.answers
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.readme import ROOT, answer
from gateway.settings import GatewaySettings
from quittance.assembly import create_gateway
from quittance.client import IN_PROCESS_URL, patient_settings, run_in_process
from quittance.display.draw import draw_file
from shared.contracts import Receipt

FOLDER = ROOT / "docs" / "answers"
SAMPLES = ROOT / "tests" / "samples"
_JOB_TIMEOUT_S = 120.0


def main() -> None:
    """Read the samples, and write the responses and a picture."""
    with tempfile.TemporaryDirectory() as state:
        settings = patient_settings().replaced(state_directory=Path(state))
        answers, photo = asyncio.run(collect_answers(settings))
    FOLDER.mkdir(exist_ok=True)
    for name, text in answers.items():
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"Wrote {len(answers)} responses to {FOLDER}")
    target = ROOT / "docs" / "images" / "photo-read.png"
    draw_file((SAMPLES / "photo.jpg").read_bytes(), photo, target)
    print(f"Wrote {target}")


async def collect_answers(settings: GatewaySettings) -> tuple[dict[str, str], Receipt]:
    """Return the responses by name, and the receipt of the photograph."""
    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(run_in_process(create_gateway(settings)))
        http = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url=IN_PROCESS_URL))
        receipt = await _read(http, "malaysia.jpg")
        photo = await _read(http, "photo.jpg")
        url = f"/v1/receipts/{receipt.id}/corrections"
        change = {"fields": {"total": {"value": "RM 61.55"}, "address": None}, "author": "Ana"}
        corrections = await http.put(url, json=change)
        rejected = await http.put(url, json={"fields": {"date": {"value": "yesterday"}}})
        damaged = await http.post("/v1/receipts", content=b"not a picture", headers={"Content-Type": "image/jpeg"})
        job = await _run_job(http)
        return {
            "receipt": answer(receipt).removeprefix("```json\n").removesuffix("\n```"),
            "corrections": _format(corrections.json()),
            "correction-refused": _format(rejected.json()),
            "no-picture": _format(damaged.json()),
            "job": _format(job),
        }, photo


async def _read(http: httpx2.AsyncClient, name: str) -> Receipt:
    response = await http.post("/v1/receipts", files={"file": (name, (SAMPLES / name).read_bytes())})
    return Receipt.model_validate_json(response.content)


async def _run_job(http: httpx2.AsyncClient) -> dict[str, Any]:
    """Start a job with a receipt and a file that is not a picture; return it once it is done."""
    files = [("lunch.jpg", (SAMPLES / "malaysia.jpg").read_bytes()), ("notes.jpg", b"not a picture")]
    response = await http.post("/v1/jobs", files=[("files", file) for file in files])
    end = time.monotonic() + _JOB_TIMEOUT_S
    while True:
        job: dict[str, Any] = (await http.get(response.headers["Location"])).json()
        if job["state"] == "done" or time.monotonic() > end:
            return job
        await asyncio.sleep(0.2)


def _format(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    main()

"""Writes the answers that the documentation shows, from a gateway that runs in this process: none of them is made up.

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
from quittance.assembly import embedded_gateway
from quittance.client import IN_PROCESS_URL, patient_settings, run_in_process
from quittance.draw import draw_file
from shared.contracts import Receipt

FOLDER = ROOT / "docs" / "answers"
SAMPLES = ROOT / "tests" / "samples"
_PATIENCE_S = 120.0


def main() -> None:
    """Runs the chain on the samples, and writes the answers and a picture."""
    with tempfile.TemporaryDirectory() as state:
        settings = patient_settings().replaced(state_directory=Path(state))
        answers, photo = asyncio.run(ask(settings))
    FOLDER.mkdir(exist_ok=True)
    for name, text in answers.items():
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"wrote {len(answers)} answers into {FOLDER}")
    print(f"wrote {draw_file(SAMPLES / 'photo.jpg', photo, ROOT / 'docs' / 'images')}")


async def ask(settings: GatewaySettings) -> tuple[dict[str, str], Receipt]:
    """The answers by name, and the receipt of the photograph."""
    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(run_in_process(embedded_gateway(settings)))
        http = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url=IN_PROCESS_URL))
        receipt = await _receipt(http, "malaysia.jpg")
        photo = await _receipt(http, "photo.jpg")
        url = f"/v1/receipts/{receipt.id}/corrections"
        change = {"fields": {"total": {"value": "RM 61.55"}, "address": None}, "author": "Ana"}
        corrections = await http.put(url, json=change)
        refused = await http.put(url, json={"fields": {"date": {"value": "yesterday"}}})
        damaged = await http.post("/v1/receipts", content=b"no picture", headers={"Content-Type": "image/jpeg"})
        job = await _job(http)
        return {
            "receipt": answer(receipt).removeprefix("```json\n").removesuffix("\n```"),
            "corrections": _shown(corrections.json()),
            "correction-refused": _shown(refused.json()),
            "no-picture": _shown(damaged.json()),
            "job": _shown(job),
        }, photo


async def _receipt(http: httpx2.AsyncClient, name: str) -> Receipt:
    response = await http.post("/v1/receipts", files={"file": (name, (SAMPLES / name).read_bytes())})
    return Receipt.model_validate_json(response.content)


async def _job(http: httpx2.AsyncClient) -> dict[str, Any]:
    """A job of a receipt and a file that is none, once it is done."""
    files = [("lunch.jpg", (SAMPLES / "malaysia.jpg").read_bytes()), ("notes.jpg", b"no picture")]
    response = await http.post("/v1/jobs", files=[("files", file) for file in files])
    end = time.monotonic() + _PATIENCE_S
    while True:
        job: dict[str, Any] = (await http.get(response.headers["Location"])).json()
        if job["state"] == "done" or time.monotonic() > end:
            return job
        await asyncio.sleep(0.2)


def _shown(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    main()

"""Stand-ins for all three stages that read the itemized receipt in every picture.

Tests of the page use them where it does not matter how well receipts are read, because they are fast. The total is the
width of the first page, so that receipts can be told apart. A picture of at least 600 pixels shows two receipts beside
each other; the total of the right one is half the width. Run `python -m tests.support.itemized_stages PORT`.
"""

from __future__ import annotations

import copy
import io
import json
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from PIL import Image

from shared.contracts import Extracted, ExtractRequest
from shared.service.settings import ServiceSettings
from shared.service.uploads import read_upload
from tests.support.itemized_receipt import ITEMIZED_RECEIPT

MODEL = "stand-in-1"
ROW_HEIGHT = 22
WIDTH_OF_TWO = 600


def place_fields(extracted: Any) -> Iterator[dict[str, Any]]:
    """Give each printed field a row of its own, and yield the rows as lines."""
    values = list(find_fields(extracted))
    for row, value in enumerate(values):
        top = 20 + row * ROW_HEIGHT
        value |= {"lines": [row], "quad": [[20, top], [220, top], [220, top + 16], [20, top + 16]]}
        yield {"quad": value["quad"], "text": value["value"]}


def find_fields(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict) and "quad" in node:
        yield node
    elif isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from find_fields(child)


def find_halves(width: int, area: str | None) -> list[int]:
    """Return the left edges of the receipts in a picture, or in one area of it."""
    if width < WIDTH_OF_TWO:
        return [0]
    return [0, width // 2] if area is None else [round(float(area.partition(",")[0]))]


def move_right(quad: list[list[float]], distance: int) -> list[list[float]]:
    return [[x + distance, y] for x, y in quad]


def create_stages() -> FastAPI:
    app = FastAPI()
    receipt = {name: copy.deepcopy(ITEMIZED_RECEIPT[name]) for name in Extracted.model_fields}
    lines = list(place_fields(receipt))

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        return {"status": "ready", "model": MODEL}

    @app.post("/v1/detect")
    async def detect(request: Request) -> dict[str, Any]:
        width, height = Image.open(io.BytesIO(await request.body())).size
        page = {"width": width, "height": height, "rotation": 0}
        halves = find_halves(width, request.query_params.get("area"))
        quads = [move_right(line["quad"], left) for left in halves for line in lines]
        areas = [[[left, 0], [left + width // 2, 0], [left + width // 2, height], [left, height]] for left in halves]
        return {
            "page": page,
            "segments": [{"quad": quad, "score": 0.9} for quad in quads],
            "receipts": [{"outline": area, "score": 0.95} for area in areas] if len(areas) > 1 else [],
            "model": MODEL,
        }

    @app.post("/v1/recognize")
    async def recognize(request: Request) -> dict[str, Any]:
        upload = await read_upload(request, ServiceSettings().upload_limits)
        rows = [round((quad[0][1] - 20) / ROW_HEIGHT) for quad in json.loads(upload.form["quads"])]
        return {"texts": [{"text": lines[row]["text"], "confidence": 0.9} for row in rows], "model": MODEL}

    @app.post("/v1/extract")
    async def extract(request: Request) -> dict[str, Any]:
        question = ExtractRequest.model_validate_json(await request.body())
        width = question.pages[0].width
        is_right = all(line.quad[0][0] >= width // 2 for line in question.lines)
        answer = copy.deepcopy(receipt)
        amount = f"{width // 2 if is_right else width}.00"
        answer["fields"]["total"] |= {"value": amount, "amount": amount}
        return {**answer, "model": MODEL}

    return app


if __name__ == "__main__":
    uvicorn.run(create_stages(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")

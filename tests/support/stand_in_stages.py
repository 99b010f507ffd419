"""Stand-ins for all three stages in one process: `python stand_in_stages.py PORT SECONDS`.

They take SECONDS per picture. The text they read is the hash of the picture, which reveals a result that belongs to
another picture. `GET /seen` returns how often each picture was read.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import sys
from collections import Counter
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from PIL import Image

from shared.contracts import ExtractRequest
from shared.service.settings import ServiceSettings
from shared.service.uploads import read_upload

MODEL = "stand-in-1"
QUAD = [[10, 10], [90, 10], [90, 20], [10, 20]]


def create_stages(seconds: float) -> FastAPI:
    app = FastAPI()
    seen: Counter[str] = Counter()

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        return {"status": "ready", "model": MODEL}

    @app.get("/seen")
    async def get_seen() -> dict[str, int]:
        return seen

    @app.post("/v1/detect")
    async def detect(request: Request) -> dict[str, Any]:
        data = await request.body()
        seen[hashlib.sha256(data).hexdigest()] += 1
        await asyncio.sleep(seconds)
        width, height = Image.open(io.BytesIO(data)).size
        page = {"width": width, "height": height, "rotation": 0}
        return {"page": page, "segments": [{"quad": QUAD, "score": 0.9}], "model": MODEL}

    @app.post("/v1/recognize")
    async def recognize(request: Request) -> dict[str, Any]:
        upload = await read_upload(request, ServiceSettings().upload_limits)
        text = hashlib.sha256(upload.data).hexdigest()
        quads = json.loads(upload.form["quads"])
        return {"texts": [{"text": text, "confidence": 0.9}] * len(quads), "model": MODEL}

    @app.post("/v1/extract")
    async def extract(request: Request) -> dict[str, Any]:
        line = ExtractRequest.model_validate_json(await request.body()).lines[0]
        company = {"value": line.text, "confidence": 0.9, "quad": line.quad, "lines": [0]}
        return {"fields": {"company": company}, "model": MODEL}

    return app


if __name__ == "__main__":
    uvicorn.run(create_stages(float(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")

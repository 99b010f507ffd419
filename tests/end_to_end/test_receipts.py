"""Receipts go in, their fields come out: over HTTP, with the weights of the repository."""

from __future__ import annotations

import io
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from shared.contracts import FIELD_NAMES, Receipt
from tests.support.deployment import Deployment

TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
# Bounds that a chain whose parts do not fit together misses by far; what the models reach is measured elsewhere.
LEAST_WORDS = 0.6
LEAST_FIELDS = 0.4


@dataclass
class Sample:
    """A rendered receipt, what is printed on it, and what it should give."""

    path: Path
    data: bytes
    fields: dict[str, str | None]
    words: Counter[str]

    @property
    def media_type(self) -> str:
        return TYPES[self.path.suffix]


@pytest.fixture(scope="session")
def samples(repository: Path) -> list[Sample]:
    found = []
    for path in sorted((repository / "tests" / "samples").iterdir()):
        if path.suffix in TYPES:
            expected = json.loads(path.with_suffix(".json").read_text())
            words = Counter(word for line in expected["lines"] for word in line["text"].upper().split())
            found.append(Sample(path, path.read_bytes(), expected["fields"], words))
    assert {sample.path.suffix for sample in found} == set(TYPES)
    return found


def post(client: httpx2.Client, sample: Sample) -> dict[str, Any]:
    response = client.post("/v1/receipts", content=sample.data, headers={"Content-Type": sample.media_type})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def same(value: str | None) -> str | None:
    """As task 3 of the challenge compares: case ignored, runs of spaces as one."""
    return None if value is None else " ".join(value.upper().split())


def without_timings(receipt: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in receipt.items() if name not in ("timings_ms", "cached")}


def test_receipts_are_read(gateway: httpx2.Client, samples: list[Sample]) -> None:
    right, read, printed = 0, 0, 0
    for sample in samples:
        receipt = Receipt.model_validate(post(gateway, sample))
        with Image.open(io.BytesIO(sample.data)) as image:
            assert (receipt.pages[0].width, receipt.pages[0].height) == image.size
        words = Counter(word for line in receipt.lines for word in line.text.upper().split())
        read, printed = read + (words & sample.words).total(), printed + sample.words.total()
        for name in FIELD_NAMES:
            field = getattr(receipt.fields, name)
            right += same(field.value if field else None) == same(sample.fields[name])
    assert read / printed >= LEAST_WORDS
    assert right / (len(samples) * len(FIELD_NAMES)) >= LEAST_FIELDS


def test_everything_read_has_its_place_on_the_paper(gateway: httpx2.Client, samples: list[Sample]) -> None:
    for sample in samples:
        receipt = Receipt.model_validate(post(gateway, sample))
        page = receipt.pages[0]
        for _, field in receipt.fields:
            assert field is None or field.lines
            assert field is None or all(index < len(receipt.lines) for index in field.lines)
        for quad in [line.quad for line in receipt.lines] + [field.quad for _, field in receipt.fields if field]:
            assert all(-1 <= x <= page.width + 1 and -1 <= y <= page.height + 1 for x, y in quad)
        heights = [line.quad[3][1] - line.quad[0][1] for line in receipt.lines]
        tops = [line.quad[0][1] for line in receipt.lines]
        backwards = sum(below < above - max(heights) for above, below in pairwise(tops))
        assert backwards == 0  # reading order: from top to bottom


def test_both_ways_of_running_give_the_same_answer(deployment: Deployment, samples: list[Sample]) -> None:
    answers = []
    for process in (deployment.gateway, deployment.embedded):
        with httpx2.Client(base_url=process.url, timeout=60) as client:
            answers.append([without_timings(post(client, sample)) for sample in samples])
    assert answers[0] == answers[1]


def test_the_second_time_comes_from_the_cache(gateway: httpx2.Client, samples: list[Sample]) -> None:
    sample = samples[0]
    first, second = post(gateway, sample), post(gateway, sample)
    assert second == first | {"cached": True}
    form = gateway.post("/v1/receipts", files={"file": (sample.path.name, sample.data, sample.media_type)})
    assert form.json() == second
    assert gateway.get(f"/v1/receipts/{first['id']}").json() == second


def test_receipts_sent_at_once_get_their_own_answers(gateway: httpx2.Client, samples: list[Sample]) -> None:
    # What follows the picture changes the bytes, and so the id, but nothing that is seen.
    unknown = [replace(sample, data=sample.data + b"\0at once") for sample in samples]
    alone = [post(gateway, sample) for sample in samples]
    with ThreadPoolExecutor(len(samples)) as pool:
        together = list(pool.map(lambda sample: post(gateway, sample), unknown))
    for before, after in zip(alone, together, strict=True):
        assert after["cached"] is False
        assert after["id"] != before["id"]
        assert [line["text"] for line in after["lines"]] == [line["text"] for line in before["lines"]]


def test_the_stages_can_be_called_one_by_one(
    deployment: Deployment, distributed: httpx2.Client, samples: list[Sample]
) -> None:
    sample = samples[0]
    whole = post(distributed, sample)
    raw = {"Content-Type": sample.media_type}
    detected = httpx2.post(f"{deployment.detector.url}/v1/detect", content=sample.data, headers=raw, timeout=60).json()
    quads = [segment["quad"] for segment in detected["segments"]]
    read = httpx2.post(
        f"{deployment.recognizer.url}/v1/recognize",
        files={"file": (sample.path.name, sample.data)},
        data={"quads": json.dumps(quads)},
        timeout=60,
    ).json()
    lines = [
        {"quad": quad, "text": text["text"], "confidence": text["confidence"]}
        for quad, text in zip(quads, read["texts"], strict=True)
    ]
    extracted = httpx2.post(
        f"{deployment.extractor.url}/v1/extract",
        json={"pages": [{"width": detected["page"]["width"], "height": detected["page"]["height"]}], "lines": lines},
        timeout=60,
    ).json()
    assert Counter(line["text"] for line in whole["lines"]) == Counter(
        line["text"] for line in lines if line["text"].strip()
    )
    values = {name: field and field["value"] for name, field in extracted["fields"].items()}
    assert values == {name: field and field["value"] for name, field in whole["fields"].items()}
    assert whole["models"] == {
        "detector": detected["model"],
        "recognizer": read["model"],
        "extractor": extracted["model"],
    }


def test_a_picture_of_one_segment_is_read(
    deployment: Deployment, distributed: httpx2.Client, samples: list[Sample]
) -> None:
    """The recognizer without quads: the whole picture is one segment."""
    sample = samples[0]
    line = max(post(distributed, sample)["lines"], key=lambda line: (line["confidence"], len(line["text"])))
    left, top = line["quad"][0]
    right, bottom = line["quad"][2]
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(sample.data)) as image:
        image.crop((round(left), round(top), round(right), round(bottom))).save(buffer, "PNG")
    answer = httpx2.post(
        f"{deployment.recognizer.url}/v1/recognize",
        content=buffer.getvalue(),
        headers={"Content-Type": "image/png"},
        timeout=60,
    ).json()
    assert [text["text"] for text in answer["texts"]] == [line["text"]]


def test_every_app_has_the_same_operational_face(deployment: Deployment) -> None:
    mains = {
        "gateway": "/v1/receipts",
        "detector": "/v1/detect",
        "recognizer": "/v1/recognize",
        "extractor": "/v1/extract",
    }
    for name, main in mains.items():
        url = getattr(deployment, name).url
        with httpx2.Client(base_url=url, timeout=60) as client:
            assert client.get("/healthz").status_code == 200
            ready = client.get("/readyz").json()
            assert ready["status"] == "ready"
            assert bool(ready["model"]) == (name != "gateway")
            assert "quittance_requests_total" in client.get("/metrics").text
            schema = client.get("/openapi.json").json()
            responses = schema["paths"][main]["post"]["responses"]
            assert {"200", "422", "503"} <= set(responses)
            assert client.get("/docs").status_code == 200


def test_a_document_of_two_pages_is_one_receipt(gateway: httpx2.Client, repository: Path) -> None:
    with Image.open(repository / "tests" / "samples" / "malaysia.jpg") as sheet:
        blank = Image.new("RGB", sheet.size, "white")
        buffer = io.BytesIO()
        blank.save(buffer, "PDF", save_all=True, append_images=[sheet.convert("RGB")], resolution=200.0, quality=95)
        alone = io.BytesIO()
        sheet.save(alone, "PNG")
    response = gateway.post("/v1/receipts", files={"file": ("scan.pdf", buffer.getvalue(), "application/pdf")})
    assert response.status_code == 200, response.text
    receipt = Receipt.model_validate_json(response.content)
    assert len(receipt.pages) == 2
    assert {line.page for line in receipt.lines} == {1}
    single = Receipt.model_validate_json(gateway.post("/v1/receipts", content=alone.getvalue()).content)
    assert receipt.fields.total is not None
    assert single.fields.total is not None
    assert receipt.fields.total.page == 1
    assert receipt.fields.total.amount == single.fields.total.amount


def test_a_receipt_can_be_forgotten(gateway: httpx2.Client) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((90, 120), 10).save(buffer, "PNG")  # like no other
    url = f"/v1/receipts/{gateway.post('/v1/receipts', content=buffer.getvalue()).json()['id']}"
    assert gateway.get(url).status_code == 200
    assert gateway.delete(url).status_code == 204
    assert gateway.get(url).status_code == 404
    assert gateway.delete(url).status_code == 404

"""Reading receipts over HTTP, with the weights of the repository."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image, ImageOps

from gateway.reading.segmentation.regrouping import regroup_words
from shared.contracts import FIELD_NAMES, Receipt, RecognizedText
from shared.reading_order import reading_order
from tests.support.deployment import Deployment
from tests.support.documents import INVISIBLE, build_text_pdf

TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
# Low bounds that only fail if the stages do not fit together. Accuracy is measured elsewhere.
MIN_WORD_RECALL = 0.6
MIN_FIELD_ACCURACY = 0.4


@dataclass
class Sample:
    """A rendered receipt with its expected fields and words."""

    path: Path
    data: bytes
    fields: dict[str, str | None]
    words: Counter[str]

    @property
    def media_type(self) -> str:
        return TYPES[self.path.suffix]


@pytest.fixture(scope="session")
def samples(repository: Path) -> list[Sample]:
    samples = []
    for path in sorted((repository / "tests" / "samples").iterdir()):
        if path.suffix in TYPES:
            expected = json.loads(path.with_suffix(".json").read_text())
            words = Counter(word for line in expected["lines"] for word in line["text"].upper().split())
            samples.append(Sample(path, path.read_bytes(), expected["fields"], words))
    assert {sample.path.suffix for sample in samples} == set(TYPES)
    return samples


def post(client: httpx2.Client, sample: Sample) -> dict[str, Any]:
    response = client.post("/v1/receipts", content=sample.data, headers={"Content-Type": sample.media_type})
    assert response.status_code == 200, response.text
    receipt: dict[str, Any] = response.json()
    return receipt


def fold(value: str | None) -> str | None:
    """Normalize case and spaces as task 3 of the SROIE challenge does."""
    return None if value is None else " ".join(value.upper().split())


def drop_timings(receipt: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in receipt.items() if name not in ("timings_ms", "cached")}


def test_reads_receipts(gateway: httpx2.Client, samples: list[Sample]) -> None:
    right_fields, read_words, printed_words = 0, 0, 0
    for sample in samples:
        receipt = Receipt.model_validate(post(gateway, sample))
        with Image.open(io.BytesIO(sample.data)) as image:
            assert (receipt.pages[0].width, receipt.pages[0].height) == image.size
        words = Counter(word for line in receipt.lines for word in line.text.upper().split())
        read_words += (words & sample.words).total()
        printed_words += sample.words.total()
        for name in FIELD_NAMES:
            field = getattr(receipt.fields, name)
            right_fields += fold(field.value if field else None) == fold(sample.fields[name])
    assert read_words / printed_words >= MIN_WORD_RECALL
    assert right_fields / (len(samples) * len(FIELD_NAMES)) >= MIN_FIELD_ACCURACY


def to_negative(image: Image.Image) -> Image.Image:
    return ImageOps.invert(image.convert("RGB"))


def to_white_on_transparent(image: Image.Image) -> Image.Image:
    ink = ImageOps.invert(image.convert("L"))
    return Image.merge("LA", (Image.new("L", ink.size, 255), ink))


def mirror_and_turn(image: Image.Image) -> Image.Image:
    return ImageOps.mirror(image).transpose(Image.Transpose.ROTATE_180)


@pytest.mark.parametrize("change", [to_negative, to_white_on_transparent, ImageOps.mirror, mirror_and_turn])
def test_reads_light_and_mirrored_text(
    gateway: httpx2.Client, samples: list[Sample], change: Callable[[Image.Image], Image.Image]
) -> None:
    sample = next(sample for sample in samples if sample.path.stem == "france")
    usual = post(gateway, sample)
    with Image.open(io.BytesIO(sample.data)) as image:
        buffer = io.BytesIO()
        change(image).save(buffer, "PNG")
    changed = post(gateway, replace(sample, path=sample.path.with_suffix(".png"), data=buffer.getvalue()))
    assert changed["fields"]["total"]["amount"] == usual["fields"]["total"]["amount"]
    assert find_similarity(changed, usual) > 0.9
    assert changed["pages"][0]["mirrored"] == (change in (ImageOps.mirror, mirror_and_turn))


def find_similarity(receipt: dict[str, Any], other: dict[str, Any]) -> float:
    """Return how similar the texts of two receipts are, 0 to 1."""
    first, second = ("\n".join(line["text"] for line in one["lines"]) for one in (receipt, other))
    return float(SequenceMatcher(None, first, second, autojunk=False).ratio())


def test_lines_and_fields_are_on_the_page_in_reading_order(gateway: httpx2.Client, samples: list[Sample]) -> None:
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
        assert not any(below < above - max(heights) for above, below in pairwise(tops))


def test_separate_and_embedded_services_give_the_same_receipts(deployment: Deployment, samples: list[Sample]) -> None:
    receipts = []
    for process in (deployment.gateway, deployment.embedded):
        with httpx2.Client(base_url=process.url, timeout=60) as client:
            receipts.append([drop_timings(post(client, sample)) for sample in samples])
    assert receipts[0] == receipts[1]


def test_answers_the_second_upload_from_the_cache(gateway: httpx2.Client, samples: list[Sample]) -> None:
    sample = samples[0]
    first, second = post(gateway, sample), post(gateway, sample)
    assert second == first | {"cached": True}
    form = gateway.post("/v1/receipts", files={"file": (sample.path.name, sample.data, sample.media_type)})
    assert form.json() == second
    assert gateway.get(f"/v1/receipts/{first['id']}").json() == second


def test_simultaneous_uploads_get_their_own_receipts(gateway: httpx2.Client, samples: list[Sample]) -> None:
    # Bytes after the end of the picture change the ID, but not the picture.
    unknown = [replace(sample, data=sample.data + b"\0at once") for sample in samples]
    alone = [post(gateway, sample) for sample in samples]
    with ThreadPoolExecutor(len(samples)) as pool:
        together = list(pool.map(lambda sample: post(gateway, sample), unknown))
    for before, after in zip(alone, together, strict=True):
        assert after["cached"] is False
        assert after["id"] != before["id"]
        assert [line["text"] for line in after["lines"]] == [line["text"] for line in before["lines"]]


def test_stages_can_be_called_separately(
    deployment: Deployment, distributed: httpx2.Client, samples: list[Sample]
) -> None:
    sample = samples[0]
    receipt = post(distributed, sample)
    raw = {"Content-Type": sample.media_type}
    detected = httpx2.post(f"{deployment.detector.url}/v1/detect", content=sample.data, headers=raw, timeout=60).json()
    quads = [segment["quad"] for segment in detected["segments"]]
    quads = [quads[index] for index in reading_order(quads)]
    recognized = httpx2.post(
        f"{deployment.recognizer.url}/v1/recognize",
        files={"file": (sample.path.name, sample.data)},
        data={"quads": json.dumps(quads)},
        timeout=60,
    ).json()
    regrouped = regroup_words(quads, [RecognizedText.model_validate(text) for text in recognized["texts"]])
    lines = [
        {"quad": quad, "text": text.text, "confidence": text.confidence} for quad, text in zip(*regrouped, strict=True)
    ]
    extracted = httpx2.post(
        f"{deployment.extractor.url}/v1/extract",
        json={"pages": [{"width": detected["page"]["width"], "height": detected["page"]["height"]}], "lines": lines},
        timeout=60,
    ).json()
    assert [line["text"] for line in receipt["lines"]] == [line["text"] for line in lines]
    values = {name: field and field["value"] for name, field in extracted["fields"].items()}
    assert values == {name: field and field["value"] for name, field in receipt["fields"].items()}
    assert receipt["models"] == {
        "detector": detected["model"],
        "recognizer": recognized["model"],
        "extractor": extracted["model"],
    }


def test_recognizer_reads_a_picture_of_one_segment(
    deployment: Deployment, distributed: httpx2.Client, samples: list[Sample]
) -> None:
    """Without quads, the whole picture is one segment."""
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


def test_every_app_has_the_same_operational_endpoints(deployment: Deployment) -> None:
    main_paths = {
        "gateway": "/v1/receipts",
        "detector": "/v1/detect",
        "recognizer": "/v1/recognize",
        "extractor": "/v1/extract",
    }
    for name, path in main_paths.items():
        url = getattr(deployment, name).url
        with httpx2.Client(base_url=url, timeout=60) as client:
            assert client.get("/healthz").status_code == 200
            ready = client.get("/readyz").json()
            assert ready["status"] == "ready"
            assert bool(ready["model"]) == (name != "gateway")
            assert "quittance_requests_total" in client.get("/metrics").text
            schema = client.get("/openapi.json").json()
            responses = schema["paths"][path]["post"]["responses"]
            assert {"200", "422", "503"} <= set(responses)
            assert client.get("/docs").status_code == 200


def test_document_of_two_pages_is_one_receipt(gateway: httpx2.Client, repository: Path) -> None:
    with Image.open(repository / "tests" / "samples" / "malaysia.jpg") as sheet:
        blank = Image.new("RGB", sheet.size, "white")
        buffer = io.BytesIO()
        blank.save(buffer, "PDF", save_all=True, append_images=[sheet.convert("RGB")], resolution=200.0, quality=95)
        single_page = io.BytesIO()
        sheet.save(single_page, "PNG")
    response = gateway.post("/v1/receipts", files={"file": ("scan.pdf", buffer.getvalue(), "application/pdf")})
    assert response.status_code == 200, response.text
    receipt = Receipt.model_validate_json(response.content)
    assert len(receipt.pages) == 2
    assert {line.page for line in receipt.lines} == {1}
    single = Receipt.model_validate_json(gateway.post("/v1/receipts", content=single_page.getvalue()).content)
    assert receipt.fields.total is not None
    assert single.fields.total is not None
    assert receipt.fields.total.page == 1
    assert receipt.fields.total.amount == single.fields.total.amount


def test_deletes_a_receipt(gateway: httpx2.Client) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((90, 120), 10).save(buffer, "PNG")  # different each time
    url = f"/v1/receipts/{gateway.post('/v1/receipts', content=buffer.getvalue()).json()['id']}"
    assert gateway.get(url).status_code == 200
    assert gateway.delete(url).status_code == 204
    assert gateway.get(url).status_code == 404
    assert gateway.delete(url).status_code == 404


def test_reads_the_text_layer_of_a_pdf_that_matches_its_print(gateway: httpx2.Client) -> None:
    texts = [("Café Étoile", 40, 340), ("Total", 40, 240), ("12.50", 200, 240)]
    receipt = post_document(gateway, build_text_pdf(texts, font_size=20))
    assert [line["text"] for line in receipt["lines"]] == ["Café Étoile", "Total", "12.50"]
    assert {line["confidence"] for line in receipt["lines"]} == {1.0}


def test_an_invisible_text_layer_is_not_read(gateway: httpx2.Client) -> None:
    texts = [("PAID", 40, 340), ("Total 99.00", 40, 240)]
    assert post_document(gateway, build_text_pdf(texts, mode=INVISIBLE))["lines"] == []


def post_document(gateway: httpx2.Client, data: bytes) -> dict[str, Any]:
    response = gateway.post("/v1/receipts", content=data, headers={"Content-Type": "application/pdf"})
    assert response.status_code == 200, response.text
    receipt: dict[str, Any] = response.json()
    return receipt

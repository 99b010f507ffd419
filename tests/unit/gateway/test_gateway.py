"""The gateway with stand-ins for the three services: they keep the contracts, and do as they are told."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from PIL import Image

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.settings import GatewaySettings
from quittance.assembly import gateway_around
from shared.contracts import ExtractRequest, Problem, Receipt
from shared.problems import ProblemError
from shared.service.app import create_service_app
from shared.service.settings import ServiceSettings
from shared.service.uploads import read_upload

# Not in reading order: the gateway has to bring them into it.
SEGMENTS = [
    ([[20, 60], [60, 60], [60, 70], [20, 70]], "TOTAL"),
    ([[20, 10], [90, 10], [90, 20], [20, 20]], "BOOK SHOP"),
    ([[70, 59], [95, 59], [95, 71], [70, 71]], "9.00"),
]


@dataclass
class FakeService:
    """What a stand-in does next, and what it was asked."""

    model: str
    segments: list[tuple[list[list[int]], str]] = field(default_factory=list)
    size: tuple[int, int] = (100, 200)
    fails_with: ProblemError | None = None
    answer: Any = None
    delay_s: float = 0.0
    requests: list[Any] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    request_ids: list[str | None] = field(default_factory=list)

    async def respond(self, request: Request, asked: Any, answer: Any) -> Response:
        self.requests.append(asked)
        self.request_ids.append(request.headers.get("x-request-id"))
        await asyncio.sleep(self.delay_s)
        if self.fails_with is not None:
            raise self.fails_with
        content = answer if self.answer is None else self.answer
        return Response(json.dumps(content), media_type="application/json")


def detector_router(fake: FakeService) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/detect")
    async def detect(request: Request) -> Response:
        await request.body()
        width, height = fake.size
        found = [{"quad": quad, "score": 0.9} for quad, _ in fake.segments]
        page = {"width": width, "height": height, "rotation": 180}
        content_type = request.headers["content-type"]
        fake.queries.append(dict(request.query_params))
        return await fake.respond(request, content_type, {"page": page, "segments": found, "model": fake.model})

    return router


def recognizer_router(fake: FakeService) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/recognize")
    async def recognize(request: Request) -> Response:
        upload = await read_upload(request, ServiceSettings().upload_limits)
        quads = json.loads(upload.form["quads"])
        texts = {json.dumps(quad): text for quad, text in fake.segments}
        read = [{"text": texts[json.dumps([[int(x), int(y)] for x, y in q])], "confidence": 0.8} for q in quads]
        return await fake.respond(request, quads, {"texts": read, "model": fake.model})

    return router


def extractor_router(fake: FakeService) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/extract")
    async def extract(request: Request) -> Response:
        asked = ExtractRequest.model_validate_json(await request.body())
        total = {
            "value": asked.lines[-1].text,
            "confidence": 0.7,
            "quad": asked.lines[-1].quad,
            "lines": [len(asked.lines) - 1],
            "amount": "9.00",
            "currency": None,
        }
        return await fake.respond(request, asked, {"fields": {"total": total}, "model": fake.model})

    return router


@dataclass
class Gateway:
    """A gateway under test: an HTTP client, and the stand-ins behind it."""

    http: httpx2.AsyncClient
    app: FastAPI
    detector: FakeService
    recognizer: FakeService
    extractor: FakeService

    async def post(self, data: bytes, content_type: str = "application/octet-stream") -> httpx2.Response:
        return await self.http.post("/v1/receipts", content=data, headers={"Content-Type": content_type})


@asynccontextmanager
async def running(settings: GatewaySettings) -> AsyncIterator[Gateway]:
    fakes = {
        "detector": FakeService("ctpn-1", segments=list(SEGMENTS)),
        "recognizer": FakeService("crnn-1", segments=list(SEGMENTS)),
        "extractor": FakeService("charlstm-1"),
    }
    routers = {"detector": detector_router, "recognizer": recognizer_router, "extractor": extractor_router}

    def service(name: str) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[str]:
            yield fakes[name].model

        return create_service_app(
            name=name,
            title=name,
            description=name,
            settings=ServiceSettings(),
            lifespan=lifespan,
            routers=[routers[name](fakes[name])],
        )

    app = gateway_around({name: service(name) for name in fakes}, settings)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as http:
            yield Gateway(http, app, **fakes)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings of whoever runs the tests must not change them."""
    monkeypatch.chdir(tmp_path)
    for name in ("DETECTOR_URL", "RECOGNIZER_URL", "EXTRACTOR_URL", "REDIS_URL", "CACHE_TTL_S"):
        monkeypatch.delenv(f"QUITTANCE_{name}", raising=False)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with running(GatewaySettings()) as started:
        yield started


def picture(kind: str = "PNG", shade: int = 255, size: tuple[int, int] = (100, 200)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, shade, shade)).save(buffer, kind)
    return buffer.getvalue()


def problem(response: httpx2.Response, status: int, code: str) -> Problem:
    assert response.headers["content-type"] == "application/problem+json"
    told = Problem.model_validate_json(response.content)
    assert (response.status_code, told.status, told.type) == (status, status, f"urn:quittance:problem:{code}")
    return told


async def asked(fake: FakeService, count: int = 1) -> None:
    """Waits until a stand-in has been asked so often."""
    async with asyncio.timeout(10):
        while len(fake.requests) < count:  # noqa: ASYNC110 - a stand-in keeps a list
            await asyncio.sleep(0.005)


async def test_a_receipt_passes_through_the_three_stages(gateway: Gateway) -> None:
    response = await gateway.post(picture())

    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    receipt = Receipt.model_validate_json(response.content)
    assert [line.text for line in receipt.lines] == ["BOOK SHOP", "TOTAL", "9.00"]  # reading order
    assert receipt.lines[0].quad == ((20, 10), (90, 10), (90, 20), (20, 20))
    assert receipt.fields.total is not None
    assert receipt.lines[receipt.fields.total.lines[0]].text == "9.00"
    assert receipt.fields.company is None
    assert receipt.models.model_dump() == {"detector": "ctpn-1", "recognizer": "crnn-1", "extractor": "charlstm-1"}
    assert (receipt.pages[0].width, receipt.pages[0].height) == (100, 200)
    assert receipt.cached is False
    assert gateway.extractor.requests[0].pages[0].height == 200


@pytest.mark.parametrize(("kind", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
async def test_the_detector_is_told_the_format_that_the_bytes_have(
    gateway: Gateway, kind: str, media_type: str
) -> None:
    assert (await gateway.post(picture(kind), "image/png")).status_code == 200
    assert gateway.detector.requests == [media_type]


async def test_a_form_and_raw_bytes_give_the_same_receipt(gateway: Gateway) -> None:
    raw = (await gateway.post(picture())).json()
    form = (await gateway.http.post("/v1/receipts", files={"file": ("../r.png", picture(), "image/png")})).json()
    assert form == raw | {"cached": True}


async def test_the_request_id_goes_along_to_every_stage(gateway: Gateway) -> None:
    response = await gateway.http.post("/v1/receipts", content=picture(), headers={"X-Request-ID": "my-request-1"})
    assert response.headers["x-request-id"] == "my-request-1"
    for fake in (gateway.detector, gateway.recognizer, gateway.extractor):
        assert fake.request_ids == ["my-request-1"]


async def test_timings_tell_which_stage_was_slow(gateway: Gateway) -> None:
    gateway.recognizer.delay_s = 1
    timings = (await gateway.post(picture())).json()["timings_ms"]
    assert timings["recognize"] >= 1000
    assert max(timings["decode"], timings["detect"], timings["extract"]) < timings["recognize"]


async def test_a_blank_page_gives_nulls_and_asks_nobody_else(gateway: Gateway) -> None:
    gateway.detector.segments = []
    receipt = (await gateway.post(picture())).json()
    assert receipt["lines"] == []
    assert receipt["fields"] == {"company": None, "date": None, "address": None, "total": None}
    assert receipt["models"]["extractor"] == "charlstm-1"
    assert gateway.recognizer.requests == gateway.extractor.requests == []


async def test_segments_without_text_are_no_lines(gateway: Gateway) -> None:
    gateway.recognizer.segments = [(quad, " ") for quad, _ in SEGMENTS]
    receipt = (await gateway.post(picture())).json()
    assert receipt["lines"] == []
    assert gateway.extractor.requests == []


async def test_a_segment_of_which_nothing_is_on_the_page_costs_the_others_nothing(gateway: Gateway) -> None:
    gateway.detector.segments += [([[100, 10], [100, 10], [100, 20], [100, 20]], "")]
    receipt = (await gateway.post(picture())).json()
    assert [line["text"] for line in receipt["lines"]] == ["BOOK SHOP", "TOTAL", "9.00"]
    assert len(gateway.recognizer.requests[0]) == 3


async def test_more_segments_than_a_receipt_can_have_are_refused(gateway: Gateway) -> None:
    gateway.detector.segments = SEGMENTS * 1667
    problem(await gateway.post(picture()), 413, "too-much-text")
    assert gateway.recognizer.requests == []


async def test_the_second_time_comes_from_the_cache(gateway: Gateway) -> None:
    first, second = (await gateway.post(picture())).json(), (await gateway.post(picture())).json()
    assert second == first | {"cached": True}
    assert len(gateway.detector.requests) == 1
    other = (await gateway.post(picture(shade=254))).json()
    assert other["id"] != first["id"]
    assert other["cached"] is False


async def test_what_is_read_is_counted(gateway: Gateway) -> None:
    for _ in range(2):
        await gateway.post(picture())
    gateway.recognizer.fails_with = ProblemError(503, "overloaded", "Busy", "Busy.")
    await gateway.post(picture(shade=250))
    await gateway.post(b"no picture")
    text = (await gateway.http.get("/metrics")).text
    for line in (
        'quittance_cache_lookups_total{result="hit",service="gateway"} 1.0',
        'quittance_cache_lookups_total{result="miss",service="gateway"} 3.0',
        'quittance_cache_lookups_total{result="unavailable",service="gateway"} 0.0',
        'quittance_stage_seconds_count{service="gateway",stage="recognize"} 1.0',
        'quittance_stage_problems_total{code="stage-unavailable",service="gateway",stage="recognize"} 1.0',
        'quittance_field_confidence_bucket{field="total",le="0.7",service="gateway"} 1.0',
        'quittance_field_confidence_bucket{field="total",le="0.6",service="gateway"} 0.0',
        'quittance_fields_absent_total{field="company",service="gateway"} 1.0',
        'quittance_fields_absent_total{field="total",service="gateway"} 0.0',
        'quittance_receipt_lines_sum{service="gateway"} 3.0',
        'quittance_requests_total{method="POST",route="/v1/detect",service="detector",status="200"} 2.0',
    ):
        assert line in text
    assert text.count("quittance_stage_problems_total{") == 1


async def test_the_orientation_asked_for_goes_to_the_detector_and_into_the_key_of_the_cache(gateway: Gateway) -> None:
    for orientation in ("auto", "upright", "auto"):
        response = await gateway.http.post(
            "/v1/receipts",
            params={"orientation": orientation},
            content=picture(),
            headers={"Content-Type": "image/png"},
        )
        assert response.json()["pages"][0]["rotation"] == 180
    assert gateway.detector.queries == [{"orientation": "auto"}, {"orientation": "upright"}]
    assert response.json()["cached"] is True
    found = f"/v1/receipts/{response.json()['id']}"
    assert (await gateway.http.get(found, params={"orientation": "upright"})).status_code == 200
    assert (await gateway.http.get(found)).status_code == 404
    assert (await gateway.post(picture())).json()["cached"] is False
    assert gateway.detector.queries[-1] == {}


async def test_an_orientation_that_there_is_not_is_refused(gateway: Gateway) -> None:
    response = await gateway.http.post("/v1/receipts", params={"orientation": "sideways"}, content=picture())
    assert response.status_code == 422
    assert gateway.detector.requests == []


async def test_identical_uploads_at_once_are_computed_once(gateway: Gateway) -> None:
    gateway.detector.delay_s = 0.05
    responses = await asyncio.gather(*(gateway.post(picture()) for _ in range(20)))
    assert {response.status_code for response in responses} == {200}
    assert len(gateway.detector.requests) == 1


async def test_a_caller_who_leaves_does_not_take_the_answer_from_the_others(gateway: Gateway) -> None:
    gateway.detector.delay_s = 0.1
    first = asyncio.create_task(gateway.post(picture()))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(gateway.post(picture()))
    await asyncio.sleep(0.01)
    first.cancel()
    assert (await second).status_code == 200
    assert len(gateway.detector.requests) == 1


async def test_new_weights_never_get_old_answers(gateway: Gateway) -> None:
    await gateway.post(picture())
    gateway.extractor.model = "charlstm-2"  # restarted with other weights; heard of with the next answer
    assert (await gateway.post(picture(shade=1))).json()["models"]["extractor"] == "charlstm-2"
    again = (await gateway.post(picture())).json()
    assert again["cached"] is False
    assert again["models"]["extractor"] == "charlstm-2"


async def test_nothing_is_kept_if_the_time_to_keep_is_zero() -> None:
    async with running(GatewaySettings(cache_ttl_s=0)) as gateway:
        receipt = (await gateway.post(picture())).json()
        assert (await gateway.post(picture())).json()["cached"] is False
        assert (await gateway.http.get(f"/v1/receipts/{receipt['id']}")).status_code == 404


async def test_a_receipt_is_found_by_its_id(gateway: Gateway) -> None:
    receipt = (await gateway.post(picture())).json()
    found = await gateway.http.get(f"/v1/receipts/{receipt['id']}")
    assert found.json() == receipt | {"cached": True}
    problem(await gateway.http.get(f"/v1/receipts/{'0' * 32}"), 404, "receipt-not-found")
    problem(await gateway.http.get("/v1/receipts/last"), 422, "invalid-request")


async def test_a_receipt_is_forgotten_with_all_its_options(gateway: Gateway) -> None:
    receipt = (await gateway.post(picture())).json()
    other = (await gateway.post(picture("JPEG"))).json()
    await gateway.http.post("/v1/receipts?orientation=upright", content=picture())
    url = f"/v1/receipts/{receipt['id']}"
    assert (await gateway.http.delete(url)).status_code == 204
    problem(await gateway.http.get(url), 404, "receipt-not-found")
    problem(await gateway.http.get(url, params={"orientation": "upright"}), 404, "receipt-not-found")
    problem(await gateway.http.delete(url), 404, "receipt-not-found")
    assert (await gateway.http.get(f"/v1/receipts/{other['id']}")).status_code == 200
    assert (await gateway.post(picture())).json()["cached"] is False


async def test_a_redis_that_is_down_costs_no_answer_to_an_upload() -> None:
    async with running(GatewaySettings.model_validate({"redis_url": "redis://127.0.0.1:1/0"})) as gateway:
        receipt = (await gateway.post(picture())).json()
        assert receipt["lines"]
        assert (await gateway.post(picture())).json()["cached"] is False
        problem(await gateway.http.get(f"/v1/receipts/{receipt['id']}"), 503, "cache-unavailable")
        problem(await gateway.http.delete(f"/v1/receipts/{receipt['id']}"), 503, "cache-unavailable")
        assert (await gateway.http.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code", "says"),
    [
        (b"", "image/png", 422, "empty-body", "no bytes"),
        (b"Total 9.00", "image/png", 415, "unsupported-format", "JPEG"),
        (b"Total 9.00", "text/plain", 415, "unsupported-content-type", "text/plain"),
        (picture("JPEG")[:600], "image/jpeg", 422, "picture-damaged", "JPEG"),
        (picture(size=(1, 1)), "image/png", 422, "picture-too-small", "1 x 1"),
        (b"\xff" * (2 * 1024 * 1024 + 2000), "image/jpeg", 413, "upload-too-large", "1,000"),
    ],
)
async def test_bad_uploads_are_refused_without_asking_a_stage(
    data: bytes, content_type: str, status: int, code: str, says: str
) -> None:
    async with running(GatewaySettings(max_upload_bytes=1000)) as gateway:
        told = problem(await gateway.post(data, content_type), status, code)
        assert says in told.detail
        assert gateway.detector.requests == []
        assert (await gateway.post(picture())).status_code == 200


@pytest.mark.parametrize("stage", ["detector", "recognizer", "extractor"])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ProblemError(503, "overloaded", "The service is overloaded", "The queue is full."), 503, "stage-unavailable"),
        (ProblemError(429, "too-many-requests", "Too many requests", "Wait."), 503, "stage-unavailable"),
        (ProblemError(422, "picture-damaged", "The picture is damaged", "It is cut off."), 422, "picture-damaged"),
        (ProblemError(422, "quads-invalid", "The quads are not valid", "They are wrong."), 502, "stage-failed"),
        (ProblemError(413, "text-too-long", "The text is too long", "At most 9."), 413, "too-much-text"),
        (ProblemError(404, "not-found", "There is nothing here", "Look elsewhere."), 502, "stage-failed"),
        (ProblemError(500, "internal-error", "Something went wrong", "It was logged."), 502, "stage-failed"),
    ],
)
async def test_what_a_stage_refuses_becomes_a_problem_that_names_it(
    gateway: Gateway, stage: str, error: ProblemError, status: int, code: str
) -> None:
    getattr(gateway, stage).fails_with = error
    told = problem(await gateway.post(picture()), status, code)
    assert (told.model_extra or {})["stage"] == stage
    if status == 503:
        assert stage in told.title
    getattr(gateway, stage).fails_with = None
    assert (await gateway.post(picture())).json()["cached"] is False  # the failure was not kept


async def test_a_stage_that_asks_for_patience_is_passed_on(gateway: Gateway) -> None:
    gateway.detector.fails_with = ProblemError(
        503, "overloaded", "Full", "The queue is full.", headers={"Retry-After": "17"}
    )
    assert (await gateway.post(picture())).headers["retry-after"] == "17"


async def test_a_stage_that_is_too_slow_is_named_and_given_up() -> None:
    async with running(GatewaySettings(stage_timeout_s=0.05)) as gateway:
        gateway.recognizer.delay_s = 5
        response = await gateway.post(picture())
        told = problem(response, 503, "stage-unavailable")
        assert "recognizer did not answer within 0.05 seconds" in told.detail
        assert int(response.headers["retry-after"]) > 0


async def test_the_deadline_holds_for_the_whole_receipt() -> None:
    async with running(GatewaySettings(receipt_timeout_s=0.2)) as gateway:
        gateway.detector.delay_s = 0.12
        gateway.recognizer.delay_s = 5
        told = problem(await gateway.post(picture()), 504, "deadline-exceeded")
        assert (told.model_extra or {})["stage"] == "recognizer"
        assert gateway.extractor.requests == []


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ("detector", {"segments": []}),
        ("detector", {"page": {"width": 99, "height": 200}, "segments": [], "model": "ctpn-1"}),
        ("recognizer", {"texts": [], "model": "crnn-1"}),
        ("recognizer", []),
        (
            "extractor",
            {
                "fields": {"company": {"value": "A", "confidence": 1, "quad": SEGMENTS[0][0], "lines": [3]}},
                "model": "charlstm-1",
            },
        ),
    ],
)
async def test_an_answer_that_breaks_the_contract_is_not_passed_on(gateway: Gateway, stage: str, answer: Any) -> None:
    getattr(gateway, stage).answer = answer
    told = problem(await gateway.post(picture()), 502, "stage-failed")
    assert stage in told.title


async def test_the_schema_describes_errors_and_its_example_is_a_receipt(gateway: Gateway) -> None:
    schema = (await gateway.http.get("/openapi.json")).json()
    post = schema["paths"]["/v1/receipts"]["post"]
    assert set(post["requestBody"]["content"]) >= {"multipart/form-data", "image/jpeg", "image/png", "image/webp"}
    assert set(post["responses"]) >= {"200", "400", "413", "415", "422", "502", "503", "504"}
    assert "application/problem+json" in post["responses"]["503"]["content"]
    example = post["responses"]["200"]["content"]["application/json"]["example"]
    assert Receipt.model_validate(example).model_dump(mode="json") == json.loads(json.dumps(RECEIPT_EXAMPLE))
    assert "404" in schema["paths"]["/v1/receipts/{receipt_id}"]["get"]["responses"]


async def test_no_store_keeps_nothing_and_no_cache_reads_anew(gateway: Gateway) -> None:
    async def post(control: str) -> Any:
        headers = {"Content-Type": "image/png", "Cache-Control": control}
        return (await gateway.http.post("/v1/receipts", content=picture(), headers=headers)).json()

    receipt = await post("no-store")
    assert (await gateway.http.get(f"/v1/receipts/{receipt['id']}")).status_code == 404
    assert (await post("max-age=60"))["cached"] is False
    assert (await post("no-cache"))["cached"] is False
    assert (await post("no-store"))["cached"] is True
    assert len(gateway.detector.requests) == 3


async def test_a_receipt_deleted_while_it_is_read_is_not_kept(gateway: Gateway) -> None:
    receipt_id = hashlib.sha256(picture()).hexdigest()[:32]
    gateway.detector.delay_s = 0.5
    reading = asyncio.create_task(gateway.post(picture()))
    await asked(gateway.detector)
    assert (await gateway.http.delete(f"/v1/receipts/{receipt_id}")).status_code == 204
    assert (await reading).status_code == 200
    assert (await gateway.http.get(f"/v1/receipts/{receipt_id}")).status_code == 404


async def test_a_page_of_a_document_is_shown_and_nothing_of_it_kept(gateway: Gateway) -> None:
    document = io.BytesIO()
    Image.new("RGB", (60, 90), "white").save(document, "TIFF")
    response = await gateway.http.post("/v1/pages?page=0", content=document.getvalue())
    assert (response.status_code, response.headers["content-type"]) == (200, "image/webp")
    assert response.headers["cache-control"] == "no-store"
    assert Image.open(io.BytesIO(response.content)).size == (60, 90)
    problem(await gateway.http.post("/v1/pages?page=1", content=document.getvalue()), 404, "no-such-page")
    problem(await gateway.http.post("/v1/pages?page=-1", content=document.getvalue()), 422, "invalid-request")
    problem(await gateway.http.post("/v1/pages", content=b"GIF89a"), 415, "unsupported-format")
    assert gateway.detector.requests == []

"""Hostile uploads: each is rejected with a problem that says why, and the service stays ready."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator

import httpx2
import pytest
from PIL import Image

from shared.contracts import Problem, Receipt

LIMIT = 25 * 2**20


def make_picture(size: tuple[int, int], kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "white").save(buffer, kind)
    return buffer.getvalue()


def make_document(pages: int, kind: str = "PDF") -> bytes:
    buffer = io.BytesIO()
    sheets = [Image.new("RGB", (40, 60), "white")] * pages
    sheets[0].save(buffer, kind, save_all=True, append_images=sheets[1:])
    return buffer.getvalue()


def make_png_with_false_size() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def make_jpeg_with_false_size() -> bytes:
    data = bytearray(make_picture((64, 64), "JPEG"))
    frame = data.index(b"\xff\xc0")  # start of frame: length, precision, height, width
    data[frame + 5 : frame + 9] = struct.pack(">HH", 30_000, 30_000)
    return bytes(data)


def make_truncated_jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((600, 900), 60).save(buffer, "JPEG")
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


HOSTILE: dict[str, tuple[Callable[[], bytes], str, int, str, str]] = {
    "empty body": (lambda: b"", "image/jpeg", 422, "empty-body", "is empty"),
    "text file": (lambda: b"TOTAL 9.00\n" * 50, "application/octet-stream", 415, "unsupported-format", "first bytes"),
    "text as JPEG": (lambda: b"TOTAL 9.00\n" * 50, "image/jpeg", 415, "unsupported-format", "first bytes"),
    "PostScript": (lambda: b"%!PS-Adobe-3.0\n" * 9, "image/png", 415, "unsupported-format", "first bytes"),
    "wrong content type": (lambda: make_picture((99, 99)), "text/plain", 415, "unsupported-content-type", "text/plain"),
    "JSON": (lambda: b'{"file": "x"}', "application/json", 415, "unsupported-content-type", "application/json"),
    "truncated JPEG": (make_truncated_jpeg, "image/jpeg", 422, "picture-damaged", "JPEG"),
    "header only": (lambda: make_picture((99, 99))[:40], "image/png", 422, "picture-damaged", "PNG"),
    "1x1": (lambda: make_picture((1, 1)), "image/png", 422, "picture-too-small", "1 x 1"),
    "30,000x30,000 PNG": (make_png_with_false_size, "image/png", 413, "picture-too-large", "30,000 x 30,000"),
    "30,000x30,000 JPEG": (make_jpeg_with_false_size, "image/jpeg", 413, "picture-too-large", "30,000 x 30,000"),
    "too many bytes": (
        lambda: b"\xff\xd8\xff" + bytes(40 * 2**20),
        "image/jpeg",
        413,
        "upload-too-large",
        "more than the maximum",
    ),
}


# Formats that only the gateway accepts.
HOSTILE_DOCUMENTS: dict[str, tuple[Callable[[], bytes], str, int, str, str]] = {
    "truncated PDF": (lambda: make_document(2)[:700], "application/pdf", 422, "picture-damaged", "PDF"),
    "empty PDF": (lambda: b"%PDF-1.7\n" + bytes(99), "application/pdf", 422, "picture-damaged", "PDF"),
    "PDF of 21 pages": (lambda: make_document(21), "application/pdf", 413, "too-many-pages", "21"),
    "TIFF of 21 pages": (lambda: make_document(21, "TIFF"), "image/tiff", 413, "too-many-pages", "21"),
    "30,000x20 TIFF": (
        lambda: make_picture((30_000, 20), "TIFF"),
        "image/tiff",
        413,
        "picture-too-large",
        "30,000 x 20",
    ),
    "30,000x20 BMP": (lambda: make_picture((30_000, 20), "BMP"), "image/bmp", 413, "picture-too-large", "30,000 x 20"),
    "truncated GIF": (lambda: make_picture((99, 99), "GIF")[:30], "image/gif", 422, "picture-damaged", "GIF"),
    "empty JPEG XL": (lambda: b"\xff\x0a" + bytes(99), "image/jxl", 422, "picture-damaged", "JPEG XL"),
    "truncated AVIF": (lambda: make_picture((99, 99), "AVIF")[:200], "image/avif", 422, "picture-damaged", "AVIF"),
    "empty HEIC": (lambda: b"\0\0\0\x18ftypheic" + bytes(99), "image/heic", 422, "picture-damaged", "HEIC"),
    "PDF as PNG": (lambda: make_document(1)[:300], "image/png", 422, "picture-damaged", "PDF"),
}


@pytest.fixture(params=HOSTILE)
def hostile(request: pytest.FixtureRequest) -> tuple[bytes, str, int, str, str]:
    make, content_type, status, code, detail = HOSTILE[request.param]
    return make(), content_type, status, code, detail


def assert_problem(response: httpx2.Response, status: int, code: str, detail: str) -> None:
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(response.content)
    assert (response.status_code, problem.type) == (status, f"urn:quittance:problem:{code}")
    assert problem.status == status
    assert detail in problem.detail
    assert problem.request_id == response.headers["x-request-id"]


def test_rejects_hostile_bytes(gateway: httpx2.Client, hostile: tuple[bytes, str, int, str, str]) -> None:
    data, content_type, status, code, detail = hostile
    response = gateway.post("/v1/receipts", content=data, headers={"Content-Type": content_type})
    assert_problem(response, status, code, detail)
    assert gateway.get("/readyz").json()["status"] == "ready"


@pytest.mark.parametrize("name", HOSTILE_DOCUMENTS)
def test_rejects_hostile_documents(gateway: httpx2.Client, name: str) -> None:
    make, content_type, status, code, detail = HOSTILE_DOCUMENTS[name]
    response = gateway.post("/v1/receipts", content=make(), headers={"Content-Type": content_type})
    assert_problem(response, status, code, detail)
    assert gateway.get("/readyz").json()["status"] == "ready"


def test_rejects_hostile_forms(gateway: httpx2.Client) -> None:
    # Too large by three bytes, which the limit of the whole body does not notice.
    over = b"\xff\xd8\xff" + bytes(LIMIT)
    assert_problem(gateway.post("/v1/receipts", files={"file": ("a.jpg", over)}), 413, "upload-too-large", "26,214,400")
    assert_problem(gateway.post("/v1/receipts", files={"picture": ("a.jpg", over[:9])}), 422, "file-missing", "`file`")
    assert_problem(gateway.post("/v1/receipts", files={"file": ("a.jpg", b"")}), 422, "empty-body", "is empty")
    assert_problem(gateway.post("/v1/receipts", data={"file": "a.jpg"}), 415, "unsupported-content-type", "urlencoded")
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert_problem(
        gateway.post("/v1/receipts", content=b"no boundary", headers=broken), 400, "bad-multipart", "multipart"
    )


def test_rejects_endless_upload(gateway: httpx2.Client) -> None:
    def generate_body() -> Iterator[bytes]:
        yield b"\xff\xd8\xff"
        for _ in range(40):
            yield bytes(2**20)

    response = gateway.post("/v1/receipts", content=generate_body(), headers={"Content-Type": "image/jpeg"})
    assert_problem(response, 413, "upload-too-large", "26,214,400")


def test_blank_page_has_no_lines_and_no_fields(gateway: httpx2.Client) -> None:
    response = gateway.post("/v1/receipts", content=make_picture((600, 1000)), headers={"Content-Type": "image/png"})
    assert response.status_code == 200
    receipt = Receipt.model_validate_json(response.content)
    assert receipt.lines == []
    assert set(response.json()["fields"].values()) == {None}
    assert (receipt.pages[0].width, receipt.pages[0].height) == (600, 1000)


def test_returns_problems_for_unknown_paths_and_methods(gateway: httpx2.Client) -> None:
    assert_problem(gateway.get("/v1/receipt"), 404, "not-found", "/v1/receipt")
    assert_problem(gateway.get("/v1/receipts"), 405, "method-not-allowed", "POST")
    assert_problem(gateway.get("/v1/receipts/" + "0" * 32), 404, "receipt-not-found", "0" * 32)
    assert_problem(gateway.get("/v1/receipts/..%2f..%2fetc"), 404, "not-found", "nothing")


@pytest.mark.parametrize(("stage", "path"), [("detector", "/v1/detect"), ("recognizer", "/v1/recognize")])
def test_stages_reject_hostile_bytes_themselves(
    deployment: object, hostile: tuple[bytes, str, int, str, str], stage: str, path: str
) -> None:
    data, content_type, status, code, detail = hostile
    url: str = getattr(deployment, stage).url
    headers = {"Content-Type": content_type}
    assert_problem(httpx2.post(f"{url}{path}", content=data, headers=headers, timeout=60), status, code, detail)
    assert httpx2.get(f"{url}/readyz", timeout=10).status_code == 200

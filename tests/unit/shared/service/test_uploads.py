"""Tests of both kinds of upload, and of rejected ones."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import Request

from shared.problems import ProblemError
from shared.service.uploads import Upload, UploadLimits, read_upload, upload_openapi

LIMITS = UploadLimits(max_bytes=2_000_000, max_fields=3, max_field_bytes=100)
BOUNDARY = "limit7"


async def _read(body: bytes, content_type: str | None, limits: UploadLimits = LIMITS, chunk: int = 7) -> Upload:
    pieces = [body[i : i + chunk] for i in range(0, len(body), chunk)] or [b""]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    headers = [] if content_type is None else [(b"content-type", content_type.encode())]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}
    return await read_upload(Request(scope, receive), limits)


def _form(*parts: tuple[str, bytes]) -> bytes:
    """Build a multipart body of parts: parameters of the disposition, and content."""
    joined = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {parameters}\r\n\r\n".encode() + content + b"\r\n"
        for parameters, content in parts
    )
    return joined + f"--{BOUNDARY}--\r\n".encode()


FORM = f"multipart/form-data; boundary={BOUNDARY}"
FILE = ('name="file"; filename="a/../b.jpg"', b"\xff\xd8 bytes")


async def _read_rejected(body: bytes, content_type: str | None, **options: Any) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        await _read(body, content_type, **options)
    return caught.value


async def test_reads_a_form_with_a_file_and_fields() -> None:
    upload = await _read(_form(FILE, ('name="quads"', "[[1, 2]] €".encode())), FORM)
    assert upload == Upload(b"\xff\xd8 bytes", "a/../b.jpg", {"quads": "[[1, 2]] €"})


@pytest.mark.parametrize("kind", ["image/jpeg", "IMAGE/PNG; q=1", "application/octet-stream", "image/gif", None])
async def test_reads_raw_bytes(kind: str | None) -> None:
    assert await _read(b"\xff\xd8 bytes", kind) == Upload(b"\xff\xd8 bytes", None, {})


async def test_large_files_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.SpooledTemporaryFile.rollover", lambda _: pytest.fail("written to disk"))
    upload = await _read(_form(('name="file"; filename="a"', b"x" * 1_900_000)), FORM, chunk=60_000)
    assert len(upload.data) == 1_900_000


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-www-form-urlencoded"])
async def test_rejected_content_type_lists_accepted_ones(kind: str) -> None:
    problem = await _read_rejected(b"x", kind)
    assert (problem.status, problem.code) == (415, "unsupported-content-type")
    assert kind in problem.detail
    assert "image/webp" in problem.detail
    assert "multipart/form-data" in problem.extra["accepted"]


@pytest.mark.parametrize(
    ("body", "kind", "advice"),
    [
        (b"", "image/png", "Send multipart/form-data"),
        (_form(('name="file"; filename="a"', b"")), FORM, "The file is empty. Send the whole file."),
    ],
)
async def test_rejects_empty_files(body: bytes, kind: str, advice: str) -> None:
    problem = await _read_rejected(body, kind)
    assert (problem.status, problem.code) == (422, "empty-body")
    assert advice in problem.detail


async def test_form_without_a_file_names_its_fields() -> None:
    problem = await _read_rejected(_form(('name="picture"; filename="a"', b"x"), ('name="note"', b"y")), FORM)
    assert (problem.status, problem.code) == (422, "file-missing")
    assert "`note`, `picture`" in problem.detail


async def test_rejects_a_file_sent_as_text() -> None:
    problem = await _read_rejected(_form(('name="file"', b"\xff\xd8")), FORM)
    assert problem.code == "file-missing"
    assert "sent as text" in problem.detail


async def test_rejects_two_files() -> None:
    problem = await _read_rejected(_form(FILE, FILE), FORM)
    assert (problem.status, problem.code) == (422, "too-many-files")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (_form(FILE), "multipart/form-data"),
        (b"no form at all", FORM),
        (_form(*[(f'name="f{i}"', b"x") for i in range(4)]), FORM),
        (_form(('name="long"', b"x" * 101)), FORM),
        (_form(('filename="nameless"', b"x")), FORM),
    ],
    ids=["no-boundary", "not-multipart", "many-fields", "long-field", "no-name"],
)
async def test_rejects_invalid_forms(body: bytes, kind: str) -> None:
    problem = await _read_rejected(body, kind)
    assert (problem.status, problem.code) == (400, "bad-multipart")


@pytest.mark.parametrize("raw", [True, False])
async def test_limit_is_exact(raw: bool) -> None:
    limits = UploadLimits(max_bytes=10)
    for size in (10, 11):
        data = b"x" * size
        body, kind = (data, "image/png") if raw else (_form(('name="file"; filename="a"', data)), FORM)
        if size == 10:
            assert (await _read(body, kind, limits)).data == data
        else:
            problem = await _read_rejected(body, kind, limits=limits)
            assert (problem.status, problem.code) == (413, "upload-too-large")
            assert "10 bytes" in problem.detail


def test_openapi_describes_form_and_raw_body() -> None:
    content = upload_openapi({"quads": {"type": "string"}}, more_types=("image/tiff",))["requestBody"]["content"]
    form = content["multipart/form-data"]
    assert form["schema"]["properties"]["quads"] == {"type": "string"}
    assert form["encoding"]["file"]["contentType"].endswith("application/octet-stream, image/tiff")
    assert content["application/octet-stream"]["schema"]["format"] == "binary"

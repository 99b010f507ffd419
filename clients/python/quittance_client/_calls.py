"""Calls of the API as data: what to send, and how to read the response. One function per operation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, TypeAdapter

from quittance_client.models import (
    CacheControl,
    CorrectionRequest,
    Corrections,
    ExportFormat,
    ExportRequest,
    FieldChange,
    FieldName,
    FileResult,
    ItemChange,
    Job,
    Liveness,
    Orientation,
    PropertyName,
    Readiness,
    Receipt,
    ReceiptPages,
    Split,
    TaxRowChange,
)

T = TypeVar("T")
Answer = TypeVar("Answer", bound=BaseModel)

_BINARY = "application/octet-stream"
# The files of a job may be 256 MiB, and its results as large.
_JOB_TRANSFER_S = 600.0
_RESULTS = TypeAdapter(list[FileResult])


@dataclass(frozen=True)
class Call(Generic[T]):
    """One call of the API.

    Attributes:
        method: HTTP method.
        path: Path below the URL of the gateway.
        read: Reads a successful response; raises `pydantic.ValidationError` if it cannot.
        params: Query parameters.
        headers: Headers beside those of all calls.
        content: Raw body.
        form: Text fields of a multipart body.
        files: Files of a multipart body as name and content.
        file_field: Field of the form with the files.
        takes_key: True if the call carries an idempotency key.
        is_read_only: True for a POST that changes nothing and may be sent again.
        is_probe: True for a question about the present state, which is not asked again if it fails.
        idempotency_key: Key given by the caller; if there is none, one is made.
        timeout_s: Seconds for the call, including its retries; None for the default of the client.
    """

    method: str
    path: str
    read: Callable[[httpx2.Response], T]
    params: Mapping[str, str | list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[tuple[str, bytes]] = ()
    file_field: str = "files"
    takes_key: bool = False
    is_read_only: bool = False
    is_probe: bool = False
    idempotency_key: str | None = None
    timeout_s: float | None = None

    def request_arguments(self) -> dict[str, Any]:
        """Return the arguments for `httpx2.Client.request`, except headers and timeout."""
        arguments: dict[str, Any] = {"method": self.method, "url": self.path, "params": self.params}
        if self.files:
            arguments["files"] = [(self.file_field, (name, data, _BINARY)) for name, data in self.files]
            arguments["data"] = self.form
        elif self.content is not None:
            arguments["content"] = self.content
        return arguments


@dataclass(frozen=True)
class ReadOptions:
    """Options of reading one file.

    Attributes:
        orientation: `auto` finds turned pages, `upright` takes pages as they are; None for the gateway's setting.
        cache_control: `no-store` keeps nothing at the gateway, `no-cache` reads again what is cached.
        timeout_s: Seconds for the call, including its retries; None for the default of the client.
    """

    orientation: Orientation | None = None
    cache_control: CacheControl | None = None
    timeout_s: float | None = None


@dataclass(frozen=True)
class PageImage:
    """A page as a picture.

    Attributes:
        data: Bytes of the picture.
        media_type: image/webp, image/jpeg or image/png.
    """

    data: bytes
    media_type: str


def create_receipt(data: bytes, options: ReadOptions) -> Call[Receipt]:
    """Return `POST /v1/receipts`."""
    return _upload("/v1/receipts", data, options, _json(Receipt))


def create_separate_receipts(data: bytes, options: ReadOptions, split: Split) -> Call[list[Receipt]]:
    """Return `POST /v1/receipts?split=...`."""
    read = _json(ReceiptPages)
    return _upload("/v1/receipts", data, options, lambda response: read(response).receipts, split=split)


def create_merged_receipt(files: Sequence[bytes], options: ReadOptions) -> Call[Receipt]:
    """Return `POST /v1/receipts?merge=true`."""
    return Call(
        "POST",
        "/v1/receipts",
        _json(Receipt),
        _given(orientation=options.orientation, merge="true"),
        _given(**{"Cache-Control": options.cache_control}),
        files=[(f"part-{index + 1}", data) for index, data in enumerate(files)],
        file_field="file",
        takes_key=True,
        is_read_only=True,
        timeout_s=options.timeout_s,
    )


def show_page(data: bytes, page: int, timeout_s: float | None) -> Call[PageImage]:
    """Return `POST /v1/pages`."""
    headers = {"Content-Type": _BINARY}
    params = {"page": str(page)}
    return Call("POST", "/v1/pages", _page, params, headers, content=data, is_read_only=True, timeout_s=timeout_s)


def get_receipt(receipt_id: str, orientation: Orientation | None) -> Call[Receipt]:
    """Return `GET /v1/receipts/{receipt_id}`."""
    return Call("GET", _receipt_path(receipt_id), _json(Receipt), _given(orientation=orientation))


def delete_receipt(receipt_id: str) -> Call[None]:
    """Return `DELETE /v1/receipts/{receipt_id}`."""
    return Call("DELETE", _receipt_path(receipt_id), _nothing)


def correct_receipt(
    receipt_id: str,
    fields: Mapping[FieldName, str | FieldChange | None],
    items: Sequence[ItemChange] | None,
    taxes: Sequence[TaxRowChange] | None,
    properties: Mapping[PropertyName, str | None],
    author: str | None,
    orientation: Orientation | None,
) -> Call[Corrections]:
    """Return `PUT /v1/receipts/{receipt_id}/corrections`."""
    changes = {
        name: FieldChange(value=change) if isinstance(change, str) else change for name, change in fields.items()
    }
    body = CorrectionRequest(
        fields=changes,
        items=None if items is None else list(items),
        taxes=None if taxes is None else list(taxes),
        properties=dict(properties),
        author=author,
    )
    return Call(
        "PUT",
        f"{_receipt_path(receipt_id)}/corrections",
        _json(Corrections),
        _given(orientation=orientation),
        {"Content-Type": "application/json"},
        content=body.model_dump_json(exclude_unset=True).encode(),
    )


def get_corrections(receipt_id: str) -> Call[Corrections]:
    """Return `GET /v1/receipts/{receipt_id}/corrections`."""
    return Call("GET", f"{_receipt_path(receipt_id)}/corrections", _json(Corrections))


def delete_corrections(receipt_id: str, names: Sequence[str]) -> Call[None]:
    """Return `DELETE /v1/receipts/{receipt_id}/corrections`."""
    params = {"name": list(names)} if names else {}
    return Call("DELETE", f"{_receipt_path(receipt_id)}/corrections", _nothing, params)


def create_job(
    files: Sequence[tuple[str, bytes]],
    options: ReadOptions,
    *,
    split: Split | None,
    webhook_url: str | None,
    idempotency_key: str | None,
) -> Call[Job]:
    """Return `POST /v1/jobs`."""
    return Call(
        "POST",
        "/v1/jobs",
        _json(Job),
        _given(orientation=options.orientation, split=split),
        _given(**{"Cache-Control": options.cache_control}),
        form=_given(webhook_url=webhook_url),
        files=files,
        takes_key=True,
        idempotency_key=idempotency_key,
        timeout_s=_JOB_TRANSFER_S if options.timeout_s is None else options.timeout_s,
    )


def get_job(job_id: str, timeout_s: float | None = None) -> Call[Job]:
    """Return `GET /v1/jobs/{job_id}`."""
    return Call("GET", _job_path(job_id), _json(Job), timeout_s=timeout_s)


def delete_job(job_id: str) -> Call[None]:
    """Return `DELETE /v1/jobs/{job_id}`."""
    return Call("DELETE", _job_path(job_id), _nothing)


def follow_job(job_id: str) -> Call[bytes]:
    """Return `GET /v1/jobs/{job_id}/events`, a stream that ends with the job."""
    return Call("GET", f"{_job_path(job_id)}/events", _content)


def get_job_results(job_id: str) -> Call[list[FileResult]]:
    """Return `GET /v1/jobs/{job_id}/results` as data."""
    return Call("GET", f"{_job_path(job_id)}/results", _results, {"format": "json"}, timeout_s=_JOB_TRANSFER_S)


def export_job_results(job_id: str, file_format: ExportFormat) -> Call[bytes]:
    """Return `GET /v1/jobs/{job_id}/results` as a file."""
    return Call("GET", f"{_job_path(job_id)}/results", _content, {"format": file_format}, timeout_s=_JOB_TRANSFER_S)


def create_export(
    receipt_ids: Sequence[str], file_format: ExportFormat, names: Mapping[str, str] | None
) -> Call[bytes]:
    """Return `POST /v1/exports`."""
    body = ExportRequest(ids=list(receipt_ids), format=file_format, names=dict(names or {}))
    headers = {"Content-Type": "application/json"}
    return Call(
        "POST", "/v1/exports", _content, headers=headers, content=body.model_dump_json().encode(), is_read_only=True
    )


def export_receipts(receipts: Sequence[Receipt], file_format: ExportFormat, names: Mapping[str, str]) -> Call[bytes]:
    """Return `POST /v1/exports/receipts`."""
    named = ({"file": names.get(receipt.id)} | receipt.model_dump(mode="json") for receipt in receipts)
    lines = "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in named)
    return Call(
        "POST",
        "/v1/exports/receipts",
        _content,
        {"format": file_format},
        {"Content-Type": _BINARY},
        content=lines.encode(),
        is_read_only=True,
    )


def get_health() -> Call[Liveness]:
    """Return `GET /healthz`."""
    return Call("GET", "/healthz", _json(Liveness), is_probe=True)


def get_readiness() -> Call[Readiness]:
    """Return `GET /readyz`."""
    return Call("GET", "/readyz", _json(Readiness), is_probe=True)


def get_metrics() -> Call[str]:
    """Return `GET /metrics`."""
    return Call("GET", "/metrics", lambda response: response.text)


def _upload(
    path: str, data: bytes, options: ReadOptions, read: Callable[[httpx2.Response], T], **params: str
) -> Call[T]:
    return Call(
        "POST",
        path,
        read,
        _given(orientation=options.orientation, **params),
        _given(**{"Content-Type": _BINARY, "Cache-Control": options.cache_control}),
        content=data,
        takes_key=True,
        is_read_only=True,
        timeout_s=options.timeout_s,
    )


def _receipt_path(receipt_id: str) -> str:
    return f"/v1/receipts/{quote(receipt_id, safe='')}"


def _job_path(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"


def _given(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _json(model: type[Answer]) -> Callable[[httpx2.Response], Answer]:
    return lambda response: model.model_validate_json(response.content)


def _results(response: httpx2.Response) -> list[FileResult]:
    return _RESULTS.validate_json(response.content)


def _content(response: httpx2.Response) -> bytes:
    return response.content


def _page(response: httpx2.Response) -> PageImage:
    return PageImage(response.content, response.headers.get("Content-Type", _BINARY))


def _nothing(_: httpx2.Response) -> None:
    return None

"""The Python client: reads receipts with a running gateway, or with the chain inside this process.

    async with embedded() as client:
        receipt = await client.read(Path("receipt.jpg").read_bytes())
        print(receipt.fields.total)
        job = await client.start_job([("a.jpg", data), ("many.zip", more)])
        async for event in client.follow(job.id):
            print(event)

Both ways speak the same HTTP contract; the second needs no server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import httpx2
from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter, ValidationError

from gateway.jobs.contracts import Counts, FileResult, FileState, Job
from shared.contracts import (
    CorrectionRequest,
    Corrections,
    FieldChange,
    FieldName,
    Orientation,
    Problem,
    Readiness,
    Receipt,
    ReceiptPages,
)

if TYPE_CHECKING:
    from gateway.exports import ExportFormat
    from gateway.settings import GatewaySettings

_TIMEOUT_S = 120.0
_PATIENCE_S = 600.0
_FOLLOW = httpx2.Timeout(_TIMEOUT_S, read=60.0)  # a gateway says something every ten seconds
_JSON = {"Content-Type": "application/json"}
_EVENTS: dict[str, type[FileState | Counts | Job]] = {"file": FileState, "progress": Counts, "done": Job}
_RESULTS = TypeAdapter(list[FileResult])

Answer = TypeVar("Answer", bound=BaseModel)
Parsed = TypeVar("Parsed")


class ClientError(Exception):
    """A receipt could not be read; the message says why, and what to do where that is known.

    Attributes:
        problem: What the gateway answered, if it answered.
    """

    def __init__(self, message: str, problem: Problem | None = None) -> None:
        super().__init__(message)
        self.problem = problem


class ReceiptClient:
    """Everything a gateway can do, typed: receipts, corrections, jobs, exports.

    Args:
        http: A client whose base URL is the gateway's.
    """

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def ready(self) -> Readiness:
        """Whether the gateway takes work; raises `ClientError` if not."""
        return self._parsed(Readiness, await self.send("GET", "/readyz"))

    async def read(self, data: bytes, *, orientation: Orientation | None = None) -> Receipt:
        """Reads one receipt.

        Args:
            data: The bytes of a picture or a PDF.
            orientation: Whether turned pages are looked for; as the detector is set if left out.

        Raises:
            ClientError: If the gateway cannot be reached or refuses the picture.
        """
        response = await self._upload(data, _given(orientation=orientation))
        return self._parsed(Receipt, response)

    async def read_pages(self, data: bytes, *, orientation: Orientation | None = None) -> list[Receipt]:
        """Reads each page of a document as a receipt of its own; raises `ClientError`."""
        response = await self._upload(data, _given(orientation=orientation, split="pages"))
        return self._parsed(ReceiptPages, response).receipts

    async def receipt(self, receipt_id: str, *, orientation: Orientation | None = None) -> Receipt:
        """Gives a receipt that was read before; raises `ClientError`, with the problem 404 if it is not kept."""
        params = _given(orientation=orientation)
        return self._parsed(Receipt, await self.send("GET", f"/v1/receipts/{receipt_id}", params=params))

    async def forget(self, receipt_id: str) -> None:
        """Has a receipt forgotten; raises `ClientError`, with the problem 404 if it is not kept."""
        await self.send("DELETE", f"/v1/receipts/{receipt_id}")

    async def correct(
        self, receipt_id: str, fields: Mapping[FieldName, FieldChange | str | None], *, author: str | None = None
    ) -> Corrections:
        """Corrects fields of a receipt that was read.

        Args:
            receipt_id: Of the receipt.
            fields: What each of them is; None: it is not on the receipt. Those left out stay as they are.
            author: Who says so.

        Raises:
            ClientError: If there is no such receipt, or a correction is refused.
        """
        changes = {name: FieldChange(value=one) if isinstance(one, str) else one for name, one in fields.items()}
        body = CorrectionRequest(fields=changes, author=author).model_dump_json(exclude_unset=True)
        path = f"/v1/receipts/{receipt_id}/corrections"
        return self._parsed(Corrections, await self.send("PUT", path, content=body, headers=_JSON))

    async def corrections(self, receipt_id: str) -> Corrections:
        """Gives what people corrected on a receipt; raises `ClientError`."""
        return self._parsed(Corrections, await self.send("GET", f"/v1/receipts/{receipt_id}/corrections"))

    async def forget_corrections(self, receipt_id: str) -> None:
        """Takes all corrections of a receipt back; raises `ClientError`."""
        await self.send("DELETE", f"/v1/receipts/{receipt_id}/corrections")

    async def start_job(
        self,
        files: Sequence[tuple[str, bytes]],
        *,
        orientation: Orientation | None = None,
        split_pages: bool = False,
        webhook_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Hands many files over, to be read one after the other while nobody waits.

        Args:
            files: Names and bytes of pictures, PDFs, or zips of them.
            orientation: Whether turned pages are looked for; as the detector is set if left out.
            split_pages: Whether each page of a document is a receipt of its own.
            webhook_url: Where the gateway tells that the job is done.
            idempotency_key: The same key again gives the same job, should this call be repeated.

        Raises:
            ClientError: If the gateway cannot be reached or does not take the files.
        """
        response = await self.send(
            "POST",
            "/v1/jobs",
            params=_given(orientation=orientation, split="pages" if split_pages else None),
            files=[("files", (name, data, "application/octet-stream")) for name, data in files],
            data=_given(webhook_url=webhook_url),
            headers=_given(**{"Idempotency-Key": idempotency_key}),
        )
        return self._parsed(Job, response)

    async def job(self, job_id: str) -> Job:
        """Tells how far a job is; raises `ClientError`."""
        return self._parsed(Job, await self.send("GET", f"/v1/jobs/{job_id}"))

    async def follow(self, job_id: str) -> AsyncIterator[FileState | Counts | Job]:
        """Yields the state of each file and each change, the counts of the job, and the job once it is done.

        Raises:
            ClientError: If the gateway cannot be reached, there is no such job, or the gateway ends before the job
                does; it can be followed again.
        """
        try:
            async with self._http.stream("GET", f"/v1/jobs/{job_id}/events", timeout=_FOLLOW) as response:
                if not response.is_success:
                    await response.aread()
                    raise _refusal(response)
                name = ""
                async for line in response.aiter_lines():
                    key, _, value = line.partition(": ")
                    if key == "event":
                        name = value
                    elif key == "data" and name in _EVENTS:
                        event = _EVENTS[name].model_validate_json(value)
                        yield event
                        if isinstance(event, Job):
                            return
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        except ValidationError as error:
            raise self._other_version() from error
        raise ClientError(f"The gateway ended before the job {job_id} did. Follow it again.")

    async def results(self, job_id: str) -> list[FileResult]:
        """Gives what was read of a job so far, in the order its files were sent; raises `ClientError`."""
        response = await self.send("GET", f"/v1/jobs/{job_id}/results", params={"format": "json"})
        return self._parsed_as(_RESULTS, response)

    async def results_file(self, job_id: str, file_format: ExportFormat) -> bytes:
        """Gives what was read of a job so far as a file of that format; raises `ClientError`."""
        return (await self.send("GET", f"/v1/jobs/{job_id}/results", params={"format": file_format})).content

    async def end_job(self, job_id: str) -> None:
        """Cancels what is not read yet of a job, and has it forgotten; raises `ClientError`."""
        await self.send("DELETE", f"/v1/jobs/{job_id}")

    async def export(
        self, receipt_ids: Sequence[str], file_format: ExportFormat, *, names: Mapping[str, str] | None = None
    ) -> bytes:
        """Gives receipts that were read, as people corrected them, as one file.

        Args:
            receipt_ids: In the order of the rows.
            file_format: json, jsonl, csv or xlsx.
            names: What the column `file` says, by receipt.

        Raises:
            ClientError: If one of the receipts is not kept.
        """
        body = {"ids": list(receipt_ids), "format": file_format, "names": dict(names or {})}
        return (await self.send("POST", "/v1/exports", json=body)).content

    async def send(self, method: str, path: str, **request: object) -> httpx2.Response:
        """Sends a request and gives a good answer; raises `ClientError` for any other."""
        try:
            response = await self._http.request(method, path, **request)  # type: ignore[arg-type]
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        if response.is_success:
            return response
        raise _refusal(response)

    async def _upload(self, data: bytes, params: dict[str, str]) -> httpx2.Response:
        headers = {"Content-Type": media_type(data)}
        return await self.send("POST", "/v1/receipts", content=data, headers=headers, params=params)

    def _parsed(self, model: type[Answer], response: httpx2.Response) -> Answer:
        return self._parsed_as(TypeAdapter(model), response)

    def _parsed_as(self, adapter: TypeAdapter[Parsed], response: httpx2.Response) -> Parsed:
        try:
            return adapter.validate_json(response.content)
        except ValidationError as error:
            raise self._other_version() from error

    def _unreachable(self, error: httpx2.TransportError) -> ClientError:
        reason = str(error) or type(error).__name__
        return ClientError(f"{self._http.base_url} cannot be reached: {reason}. Is the gateway running?")

    def _other_version(self) -> ClientError:
        return ClientError(f"{self._http.base_url} does not answer as a gateway of this version does")


@asynccontextmanager
async def connect(url: str, key: str | None = None) -> AsyncIterator[ReceiptClient]:
    """A client of a gateway.

    Args:
        url: For example `http://127.0.0.1:8000`.
        key: An API key, where the gateway wants one.
    """
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=url, timeout=_TIMEOUT_S, headers=headers) as http:
        yield ReceiptClient(http)


@asynccontextmanager
async def embedded() -> AsyncIterator[ReceiptClient]:
    """A client of the whole chain inside this process; the models are loaded on entry.

    Raises:
        ClientError: If the models cannot be loaded.
    """
    from quittance.assembly import embedded_gateway  # not needed to talk to a server

    async with in_process(embedded_gateway(patient_settings())) as http:
        yield ReceiptClient(http)


def patient_settings() -> GatewaySettings:
    """Settings of a gateway for one caller who would rather wait than be told to come again; else as the environment.

    Raises:
        SettingsError: If a setting is wrong.
    """
    from gateway.settings import GatewaySettings

    times = ("receipt_timeout_s", "stage_timeout_s", "request_timeout_s")
    # Its one caller is this process: keys and limits are for those who come over the network.
    alone = {"access": "open", "rate_limit": None}
    return GatewaySettings.from_environment().replaced(**dict.fromkeys(times, _PATIENCE_S), **alone)


@asynccontextmanager
async def in_process(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Starts an app in this process, waits until it is ready, and gives an HTTP client of it.

    Raises:
        ClientError: If the models cannot be loaded.
    """
    from shared.startup import StartupError

    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(app.router.lifespan_context(app))
        except StartupError as error:
            raise ClientError(str(error)) from error
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://in-process", timeout=_PATIENCE_S) as http:
            await _wait_until_ready(http)
            yield http


async def _wait_until_ready(http: httpx2.AsyncClient) -> None:
    end = time.monotonic() + _PATIENCE_S
    while True:
        response = await http.get("/readyz")
        if response.is_success:
            return
        if time.monotonic() > end:
            raise ClientError(f"The models were not ready within {_PATIENCE_S:g} seconds: {_refusal(response)}")
        await asyncio.sleep(0.05)


def media_type(data: bytes) -> str:
    """The media type that the first bytes of a file tell; `application/octet-stream` if none that is known."""
    if data.startswith(b"\xff\xd8"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG"):
        return "image/png"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return "application/octet-stream"


def _given(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _refusal(response: httpx2.Response) -> ClientError:
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return ClientError(f"The gateway answered {response.status_code} {response.reason_phrase}")
    return ClientError(f"{problem.title}. {problem.detail}", problem)

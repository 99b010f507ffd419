"""The export routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field, StringConstraints, ValidationError

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.api.parameters import KNOWN_PARAMETERS
from gateway.api.requests import cache_unavailable_problem
from gateway.caller import Caller
from gateway.components import get_gateway_components
from gateway.export_tables import ExportRow
from gateway.exports import (
    MEDIA_TYPES,
    ExportedReceipt,
    ExportFormat,
    build_export_headers,
    build_export_responses,
    write_export,
)
from gateway.reading.receipts import Receipts
from gateway.request_context import get_caller, get_request_context, limit_redis_time
from gateway.settings import GatewaySettings
from gateway.storage.cache import CacheUnavailableError
from shared.contracts import Contract, Receipt
from shared.problem_responses import problem_responses
from shared.problems import ProblemError
from shared.validation_messages import explain_error

_Id = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
_MAX_LISTED_IDS = 100
_EXAMPLE = {"file": "lunch.jpg"} | RECEIPT_EXAMPLE
_LINES_PER_TURN = 20  # of a body, before other requests get their turn
_LINES_TYPES = ("application/octet-stream", "application/jsonl", "application/x-ndjson")
_LINES_OPENAPI = {
    "requestBody": {
        "required": True,
        "description": "JSON Lines; the content type may also be application/jsonl.",
        "content": {
            "application/octet-stream": {
                "schema": {
                    "type": "string",
                    "format": "binary",
                    "description": "A receipt per line, as the API returns it.",
                }
            }
        },
    }
}


class SentReceipt(ExportedReceipt):
    """A receipt that the caller has kept; `lines` may be empty if the format is a table."""

    file: Annotated[str, StringConstraints(max_length=255)] | None = Field(default=None, examples=["lunch.jpg"])


class ExportRequest(Contract):
    """Which receipts to export, and in which format."""

    ids: list[_Id] = Field(
        min_length=1,
        max_length=10_000,
        description="IDs of receipts, in the order of the rows.",
        examples=[["b1946ac92492d2347c6235b4d2611184"]],
    )
    format: ExportFormat = Field(examples=["xlsx"])
    names: dict[_Id, Annotated[str, StringConstraints(max_length=255)]] = Field(
        default_factory=dict,
        description="Values of the `file` column by receipt ID, because the service does not store file names.",
        examples=[{"b1946ac92492d2347c6235b4d2611184": "lunch.jpg"}],
    )


def build_exports_router(settings: GatewaySettings) -> APIRouter:
    """Build the route /v1/exports."""
    patience_s = settings.storage.redis_timeout_s
    router = APIRouter(prefix="/v1/exports", tags=["exports"], dependencies=[KNOWN_PARAMETERS])

    @router.post(
        "",
        operation_id="createExport",
        summary="Export receipts as a file",
        response_model=list[ExportedReceipt],
        responses=build_export_responses("The file.", _EXAMPLE) | problem_responses(400, 404, 415, 422, 502, 503),
    )
    async def create_export(request: Request, body: ExportRequest) -> StreamingResponse:
        """Export receipts that were read before as JSON, JSON Lines, CSV or an Excel workbook (XLSX).

        In tables, `date` is in ISO 8601 and `total` is a number; both are empty if they are ambiguous on the receipt.
        `date_text` and `total_text` are the text on the receipt. `items-csv` has a row per line item instead of a row
        per receipt, and `codes-csv` a row per QR code or barcode; in XLSX, these rows are the sheets `Items` and
        `Codes`. Cells never contain formulas.
        """
        # A stored response would survive the deletion of one of its receipts.
        get_request_context(request.scope).is_replayable = False
        receipts = get_gateway_components(request.app).receipts
        caller = get_caller(request)
        await _require_all(receipts, body.ids, caller, patience_s)
        headers = {"Cache-Control": "no-store"} | build_export_headers("receipts", body.format)
        content = write_export(_find_rows(receipts, body, caller, patience_s), body.format)
        return StreamingResponse(content, media_type=MEDIA_TYPES[body.format], headers=headers)

    @router.post(
        "/receipts",
        operation_id="exportReceipts",
        summary="Export receipts that the caller has kept",
        response_model=list[ExportedReceipt],
        responses=build_export_responses("The file.", _EXAMPLE) | problem_responses(400, 408, 413, 415, 422),
        openapi_extra=_LINES_OPENAPI,
    )
    async def export_receipts(
        request: Request,
        export_format: Annotated[ExportFormat, Query(alias="format", description="Format of the file.")],
    ) -> StreamingResponse:
        """Export receipts that are sent as JSON Lines, also if the gateway has forgotten them.

        Each line is a receipt with two optional members: `file`, the name of its file, and `page`. The formats are
        those of `POST /v1/exports`. Nothing is stored.
        """
        get_request_context(request.scope).is_replayable = False
        _require_lines(request)
        lines = [line for line in (await request.body()).splitlines() if line.strip()]
        # Once the response has begun, it cannot report an error any more.
        async for _ in _parse_lines(lines):
            pass
        headers = {"Cache-Control": "no-store"} | build_export_headers("receipts", export_format)
        content = write_export(_parse_lines(lines), export_format)
        return StreamingResponse(content, media_type=MEDIA_TYPES[export_format], headers=headers)

    return router


def _require_lines(request: Request) -> None:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type and content_type not in _LINES_TYPES:
        raise ProblemError(
            415,
            "unsupported-content-type",
            "The content type is not supported",
            f"The content type {content_type} is not accepted. Send JSON Lines as {_LINES_TYPES[0]}.",
            extra={"accepted": list(_LINES_TYPES)},
        )


async def _parse_lines(lines: Sequence[bytes]) -> AsyncIterator[ExportRow]:
    """Yield a row per line, without keeping them in memory.

    Raises:
        ProblemError: 422 `receipt-invalid`.
    """
    for number, line in enumerate(lines, start=1):
        try:
            sent = SentReceipt.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "line"
            raise ProblemError(
                422,
                "receipt-invalid",
                "A receipt is not valid",
                f"Line {number:,} is not a receipt of this API: {place}: {explain_error(first)}.",
                extra={"line": number},
            ) from error
        yield ExportRow(sent.file, Receipt.model_construct(**_drop_origin(sent)), sent.page)
        if number % _LINES_PER_TURN == 0:
            await asyncio.sleep(0)


def _drop_origin(sent: SentReceipt) -> dict[str, Any]:
    return {name: value for name, value in sent if name not in ("file", "page")}


async def _require_all(receipts: Receipts, ids: list[str], caller: Caller, patience_s: float) -> None:
    """Raise `ProblemError` 404 if a receipt is missing. Once the response has begun, it cannot report that any more."""
    missing = []
    try:
        for receipt_id in dict.fromkeys(ids):
            # The time for Redis is that of one receipt, not of thousands.
            with limit_redis_time(patience_s):
                if not await receipts.exists(receipt_id, caller):
                    missing.append(receipt_id)
    except CacheUnavailableError as error:
        raise cache_unavailable_problem("The receipts cannot be looked up at the moment. Try again later.") from error
    if missing:
        raise ProblemError(
            404,
            "receipt-not-found",
            "Receipt not found",
            f"{len(missing):,} of {len(ids):,} receipts have expired, or were not read by the current models. Leave "
            "them out, or send their pictures to POST /v1/receipts.",
            extra={"missing": missing[:_MAX_LISTED_IDS]},
        )


async def _find_rows(
    receipts: Receipts, body: ExportRequest, caller: Caller, patience_s: float
) -> AsyncIterator[ExportRow]:
    for receipt_id in body.ids:
        with limit_redis_time(patience_s):
            receipt = await receipts.find(receipt_id, caller)
        if receipt is not None:  # it may have expired meanwhile
            yield ExportRow(file=body.names.get(receipt_id), receipt=receipt)

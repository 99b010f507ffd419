"""The route of exports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import Field, StringConstraints

from gateway.admission.idempotency import answers_unkept
from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.api.requests import cache_unavailable, receipts_of
from gateway.exports import (
    FORMATS,
    ExportedReceipt,
    ExportFormat,
    ExportRow,
    export,
    export_headers,
    export_responses,
)
from gateway.reading.receipts import Receipts
from gateway.storage.cache import CacheUnavailableError
from shared.contracts import Contract
from shared.problems import ProblemError, problem_responses

_Id = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
_MOST_IDS_TOLD = 100
_EXAMPLE = {"file": "lunch.jpg"} | RECEIPT_EXAMPLE


class ExportRequest(Contract):
    """Which receipts go into a file, and of what kind it is."""

    ids: list[_Id] = Field(
        min_length=1,
        max_length=10_000,
        description="Receipts in the order of the rows.",
        examples=[["b1946ac92492d2347c6235b4d2611184"]],
    )
    format: ExportFormat = Field(examples=["xlsx"])
    names: dict[_Id, Annotated[str, StringConstraints(max_length=255)]] = Field(
        default_factory=dict,
        description="What the column `file` says of a receipt: the service does not keep names.",
        examples=[{"b1946ac92492d2347c6235b4d2611184": "lunch.jpg"}],
    )


def exports_router() -> APIRouter:
    """Makes the route /v1/exports."""
    router = APIRouter(prefix="/v1/exports", tags=["exports"])

    @router.post(
        "",
        operation_id="createExport",
        summary="Receipts as a file",
        response_model=list[ExportedReceipt],
        responses=export_responses("The file.", _EXAMPLE) | problem_responses(400, 404, 415, 422, 502, 503),
    )
    async def create_export(request: Request, asked: ExportRequest) -> StreamingResponse:
        """Gives receipts that were read before as JSON, JSON lines, CSV or a workbook (XLSX), in the order asked for.

        `date` is in ISO 8601 and `total` a number; both are empty where the receipt does not tell them for certain, and
        `date_text` and `total_text` hold what it says. Nothing in a table is taken for a formula.
        """
        answers_unkept(request)  # deleting one of the receipts must leave nothing behind
        receipts = receipts_of(request)
        await _check_all_there(receipts, asked.ids)
        headers = {"Cache-Control": "no-store"} | export_headers("receipts", asked.format)
        content = export(_rows(receipts, asked), asked.format)
        return StreamingResponse(content, media_type=FORMATS[asked.format], headers=headers)

    return router


async def _check_all_there(receipts: Receipts, ids: list[str]) -> None:
    """Before the answer begins, as it cannot say afterwards that one is missing."""
    try:
        missing = [receipt_id for receipt_id in dict.fromkeys(ids) if not await receipts.is_kept(receipt_id)]
    except CacheUnavailableError as error:
        raise cache_unavailable("What was read before cannot be looked up now. Try again later.") from error
    if missing:
        raise ProblemError(
            404,
            "receipt-not-found",
            "There is no such receipt",
            f"{len(missing):,} of {len(ids):,} receipts were not read by the present models, or are no longer kept. "
            "Leave them out, or send their pictures to POST /v1/receipts.",
            extra={"missing": missing[:_MOST_IDS_TOLD]},
        )


async def _rows(receipts: Receipts, asked: ExportRequest) -> AsyncIterator[ExportRow]:
    for receipt_id in asked.ids:
        receipt = await receipts.find(receipt_id)
        if receipt is not None:  # unless it was forgotten just now
            yield ExportRow(file=asked.names.get(receipt_id), receipt=receipt)

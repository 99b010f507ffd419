"""The routes of corrections: what people say that the fields of a receipt are."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.api.examples import CORRECTIONS_EXAMPLE
from gateway.api.requests import ReceiptId, found, json_answer, receipts_of
from shared.contracts import CorrectionRequest, Corrections
from shared.problems import ProblemError, problem_responses
from shared.service.uploads import OrientationQuery


def corrections_router() -> APIRouter:
    """Makes the routes under /v1/receipts/{id}/corrections."""
    router = APIRouter(prefix="/v1/receipts/{receipt_id}/corrections", tags=["corrections"])
    answer: dict[int | str, dict[str, Any]] = {
        200: {"description": "All corrections.", "content": {"application/json": {"example": CORRECTIONS_EXAMPLE}}}
    }
    forgotten: dict[int | str, dict[str, Any]] = {204: {"description": "The corrections are no longer kept."}}

    @router.put(
        "",
        operation_id="correctReceipt",
        summary="Correct fields of a receipt",
        response_model=Corrections,
        responses=answer | problem_responses(400, 404, 415, 422, 502, 503),
    )
    async def correct_receipt(
        request: Request, receipt_id: ReceiptId, body: CorrectionRequest, orientation: OrientationQuery = None
    ) -> Response:
        """Keeps what a person says that fields are; fields that are not named stay as they are.

        A date and a total are normalized. A corrected company or address teaches the merchant directory: it counts for
        every receipt that is answered from now on, also for those that were read before. The receipt has to be kept
        still; one that was read with an `orientation` is named with it.
        """
        return json_answer(await found(receipt_id, receipts_of(request).correct(receipt_id, body, orientation)))

    @router.get(
        "",
        operation_id="getCorrections",
        summary="Get the corrections of a receipt",
        response_model=Corrections,
        responses=answer | problem_responses(404, 422, 503),
    )
    async def get_corrections(request: Request, receipt_id: ReceiptId) -> Response:
        """Gives what was corrected, also where the receipt itself is no longer in the cache."""
        corrections = await receipts_of(request).corrections(receipt_id)
        if corrections is None:
            raise _nothing_corrected(receipt_id)
        return json_answer(corrections)

    @router.delete(
        "",
        operation_id="deleteCorrections",
        summary="Forget the corrections of a receipt",
        status_code=204,
        response_class=Response,
        responses=forgotten | problem_responses(404, 422, 503),
    )
    async def delete_corrections(request: Request, receipt_id: ReceiptId) -> Response:
        """Forgets the corrections of a receipt, and what they taught the merchant directory."""
        if not await receipts_of(request).delete_corrections(receipt_id):
            raise _nothing_corrected(receipt_id)
        return Response(status_code=204)

    return router


def _nothing_corrected(receipt_id: str) -> ProblemError:
    return ProblemError(
        404,
        "nothing-corrected",
        "Nothing was corrected",
        f"No field of a receipt with the id {receipt_id} was corrected; PUT corrects.",
    )

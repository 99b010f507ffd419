"""The correction routes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from gateway.api.examples import CORRECTIONS_EXAMPLE
from gateway.api.parameters import KNOWN_PARAMETERS
from gateway.api.requests import ReceiptId, json_response, require_found
from gateway.components import get_gateway_components
from gateway.request_context import get_caller
from shared.contracts import AnyFieldName, CorrectionRequest, Corrections, PropertyName
from shared.problem_responses import problem_responses
from shared.problems import ProblemError
from shared.service.uploads import OrientationQuery

CorrectionName = AnyFieldName | PropertyName | Literal["items", "taxes"]
NamesQuery = Annotated[
    list[CorrectionName] | None,
    Query(description="Delete only the corrections of these. By default, all are deleted.", examples=[["total"]]),
]


def build_corrections_router() -> APIRouter:
    """Build the routes under /v1/receipts/{id}/corrections."""
    router = APIRouter(
        prefix="/v1/receipts/{receipt_id}/corrections", tags=["corrections"], dependencies=[KNOWN_PARAMETERS]
    )
    corrections_response: dict[int | str, dict[str, Any]] = {
        200: {
            "description": "All corrections of the receipt.",
            "content": {"application/json": {"example": CORRECTIONS_EXAMPLE}},
        }
    }
    deleted_response: dict[int | str, dict[str, Any]] = {204: {"description": "The corrections are deleted."}}

    @router.put(
        "",
        operation_id="correctReceipt",
        summary="Correct fields of a receipt",
        response_model=Corrections,
        responses=corrections_response | problem_responses(400, 404, 415, 422, 502, 503),
    )
    async def correct_receipt(
        request: Request, receipt_id: ReceiptId, body: CorrectionRequest, orientation: OrientationQuery = None
    ) -> Response:
        """Store the values that a person entered for fields; other fields keep their corrections.

        Dates and totals are normalized. A corrected company or address is added to the merchant directory and applies
        to every receipt returned from now on to callers of the same group, including those read before. The receipt
        must still be in the cache. If it was read with an `orientation`, send the same one here.
        """
        receipts = get_gateway_components(request.app).receipts
        correction = receipts.correct(receipt_id, body, get_caller(request), orientation)
        return json_response(await require_found(receipt_id, correction))

    @router.get(
        "",
        operation_id="getCorrections",
        summary="Get the corrections of a receipt",
        response_model=Corrections,
        responses=corrections_response | problem_responses(404, 422, 503),
    )
    async def get_corrections(request: Request, receipt_id: ReceiptId) -> Response:
        """Return the corrections of a receipt, even if the receipt is no longer in the cache."""
        receipts = get_gateway_components(request.app).receipts
        corrections = await receipts.find_corrections(receipt_id, get_caller(request))
        if corrections is None:
            raise _not_corrected_problem(receipt_id)
        return json_response(corrections)

    @router.delete(
        "",
        operation_id="deleteCorrections",
        summary="Delete the corrections of a receipt",
        status_code=204,
        response_class=Response,
        responses=deleted_response | problem_responses(404, 422, 503),
    )
    async def delete_corrections(request: Request, receipt_id: ReceiptId, name: NamesQuery = None) -> Response:
        """Delete the corrections of a receipt, or only the named ones, and remove them from the merchant directory."""
        receipts = get_gateway_components(request.app).receipts
        if not await receipts.delete_corrections(receipt_id, get_caller(request), name or ()):
            raise _not_corrected_problem(receipt_id)
        return Response(status_code=204)

    return router


def _not_corrected_problem(receipt_id: str) -> ProblemError:
    return ProblemError(
        404,
        "nothing-corrected",
        "No corrections found",
        f"The receipt with the ID {receipt_id} has no corrections. Use PUT to add some.",
    )

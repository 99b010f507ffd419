"""The routes of receipts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.api.parameters import KNOWN_PARAMETERS, reject_misplaced_parameters
from gateway.api.requests import (
    MergeQuery,
    ReceiptId,
    SplitQuery,
    cache_unavailable_problem,
    json_response,
    receipt_not_found_problem,
    require_found,
)
from gateway.codes.reader import CODES_UNREAD
from gateway.components import get_gateway_components
from gateway.reading.read_request import ReadRequest
from gateway.reading.receipts import UNCORRECTED
from gateway.request_context import get_caller, get_request_context
from gateway.settings import GatewaySettings
from gateway.storage.cache import CacheUnavailableError
from gateway.storage.cache_control import Caching
from shared.contracts import Receipt, ReceiptPages
from shared.problem_responses import problem_responses
from shared.problems import ProblemError
from shared.service.uploads import OrientationQuery, read_uploads, upload_openapi

ACCEPTED_FILES = (
    "A JPEG, PNG, WebP, HEIC, AVIF, JPEG XL, GIF or BMP; a TIFF or PDF, whose pages become one receipt; or an invoice "
    "in XML (CII or UBL)."
)
# A receipt of 2 m takes about ten pictures.
_MAX_MERGED_FILES = 20
DOCUMENT_TYPES = (
    "image/heic",
    "image/avif",
    "image/jxl",
    "image/gif",
    "image/tiff",
    "image/bmp",
    "application/pdf",
)

# Warnings that a second attempt may not have.
_MAY_IMPROVE = frozenset({UNCORRECTED, CODES_UNREAD})


def build_receipts_router(settings: GatewaySettings) -> APIRouter:
    """Build the routes under /v1/receipts."""
    router = APIRouter(prefix="/v1/receipts", tags=["receipts"], dependencies=[KNOWN_PARAMETERS])
    receipt_response: dict[int | str, dict[str, Any]] = {
        200: {"description": "The receipt.", "content": {"application/json": {"example": RECEIPT_EXAMPLE}}}
    }
    deleted_response: dict[int | str, dict[str, Any]] = {204: {"description": "The receipt was deleted."}}

    @router.post(
        "",
        operation_id="createReceipt",
        summary="Read a receipt",
        response_model=Receipt | ReceiptPages,
        responses=receipt_response | problem_responses(400, 408, 413, 415, 422, 502, 503, 504),
        openapi_extra=upload_openapi(what=ACCEPTED_FILES, more_types=DOCUMENT_TYPES),
    )
    async def create_receipt(
        request: Request,
        orientation: OrientationQuery = None,
        split: SplitQuery = None,
        merge: MergeQuery = False,
    ) -> Response:
        """Read a receipt from a picture, or a document of several pages, sent as a form or as the raw body.

        The same picture with the same option is answered from the cache as long as the models are the same; then
        `cached` is true, and `timings_ms` are those of the first time. With the header `Cache-Control: no-store` the
        receipt is not stored, with `no-cache` it is read again. A picture without text returns no lines and four fields
        that are `null`. With `split` the response is a list of receipts. With `merge=true` the form may have several
        files, which become one receipt.
        """
        if merge and split is not None:
            raise _merge_and_split_problem()
        uploads = await read_uploads(request, settings.upload_limits, _MAX_MERGED_FILES if merge else 1)
        reject_misplaced_parameters(request, uploads[0].form)
        requests = [
            await ReadRequest.create(
                upload.data,
                timeout_s=settings.reading.receipt_timeout_s,
                orientation=orientation,
                caching=Caching.parse(request.headers.get("cache-control")),
                owner=get_caller(request).group,
            )
            for upload in uploads
        ]
        receipts = get_gateway_components(request.app).receipts
        context = get_request_context(request.scope)
        if split is None:
            receipt = await (receipts.merge(requests) if len(requests) > 1 else receipts.read(requests[0]))
            context.receipt_id = receipt.id
            # Sent again, it would get a complete receipt.
            context.is_replayable = _MAY_IMPROVE.isdisjoint(warning.code for warning in receipt.warnings)
            return json_response(receipt)
        # A stored response would survive the deletion of one of its receipts.
        context.is_replayable = False
        separate = await receipts.read_separately(requests[0], split)
        return json_response(ReceiptPages(id=requests[0].identity.receipt_id, receipts=separate))

    @router.get(
        "/{receipt_id}",
        operation_id="getReceipt",
        summary="Get a receipt that was read before",
        response_model=Receipt,
        responses=receipt_response | problem_responses(404, 422, 502, 503),
    )
    async def get_receipt(request: Request, receipt_id: ReceiptId, orientation: OrientationQuery = None) -> Response:
        """Return a receipt from the cache, if the current models have read it with the given option."""
        receipts = get_gateway_components(request.app).receipts
        search = receipts.find(receipt_id, get_caller(request), orientation)
        return json_response(await require_found(receipt_id, search))

    @router.delete(
        "/{receipt_id}",
        operation_id="deleteReceipt",
        summary="Delete a receipt",
        status_code=204,
        response_class=Response,
        responses=deleted_response | problem_responses(404, 422, 503),
    )
    async def delete_receipt(request: Request, receipt_id: ReceiptId) -> Response:
        """Delete a receipt, whichever models read it with whichever options, and its corrections.

        The picture itself was never stored. If it is sent again, it is read again.
        """
        try:
            existed = await get_gateway_components(request.app).receipts.delete(receipt_id, get_caller(request))
        except CacheUnavailableError as error:
            raise cache_unavailable_problem("The receipt may still be stored. Try again later.") from error
        if not existed:
            raise receipt_not_found_problem(f"The receipt {receipt_id} is not stored; there is nothing to delete.")
        return Response(status_code=204)

    return router


def _merge_and_split_problem() -> ProblemError:
    return ProblemError(
        422,
        "merge-and-split",
        "merge and split exclude each other",
        "`merge=true` makes one receipt of several pictures, and `split` makes several of one. Send one of them.",
    )

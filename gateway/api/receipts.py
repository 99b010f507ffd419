"""The routes of receipts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.admission.idempotency import answers_unkept, answers_with_receipt
from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.api.requests import (
    ReceiptId,
    SplitQuery,
    cache_unavailable,
    found,
    json_answer,
    receipt_not_found,
    receipts_of,
)
from gateway.reading.shared_reading import Caching
from gateway.settings import GatewaySettings
from gateway.storage.cache import CacheUnavailableError, Content
from shared.contracts import Receipt, ReceiptPages
from shared.problems import problem_responses
from shared.service.uploads import OrientationQuery, read_upload, upload_openapi

WHAT_IS_READ = "A JPEG, PNG, WebP, HEIC, AVIF or BMP; or a TIFF or PDF, whose pages become one receipt."
DOCUMENT_TYPES = ("image/heic", "image/avif", "image/tiff", "image/bmp", "application/pdf")


def receipts_router(settings: GatewaySettings) -> APIRouter:
    """Makes the routes under /v1/receipts."""
    router = APIRouter(prefix="/v1/receipts", tags=["receipts"])
    answer: dict[int | str, dict[str, Any]] = {
        200: {"description": "The receipt, read.", "content": {"application/json": {"example": RECEIPT_EXAMPLE}}}
    }

    forgotten: dict[int | str, dict[str, Any]] = {204: {"description": "The receipt is no longer kept."}}

    @router.post(
        "",
        operation_id="createReceipt",
        summary="Read a receipt",
        response_model=Receipt | ReceiptPages,
        responses=answer | problem_responses(400, 408, 413, 415, 422, 502, 503, 504),
        openapi_extra=upload_openapi(what=WHAT_IS_READ, more_types=DOCUMENT_TYPES),
    )
    async def create_receipt(
        request: Request, orientation: OrientationQuery = None, split: SplitQuery = None
    ) -> Response:
        """Reads a receipt: a picture, or a document of several pages, as the file of a form or as the body itself.

        The same picture with the same option again is answered from the cache while the models are the same; `cached`
        tells, and `timings_ms` are then those of the first time. With the header `Cache-Control: no-store` the receipt
        is not kept, with `no-cache` it is read anew. A picture without text gives no lines and four fields that are
        `null`. With `split=pages` the answer is a list of receipts, one for each page.
        """
        upload = await read_upload(request, settings.upload_limits)
        caching = Caching.asked_by(request.headers.get("cache-control"))
        if split is None:
            receipt = await receipts_of(request).read(upload.data, orientation, caching)
            answers_with_receipt(request, receipt.id)
            return json_answer(receipt)
        answers_unkept(request)  # so that deleting any one of them leaves nothing behind
        receipts = await receipts_of(request).read_pages(upload.data, orientation, caching)
        return json_answer(ReceiptPages(id=(await Content.of(upload.data)).id, receipts=receipts))

    @router.get(
        "/{receipt_id}",
        operation_id="getReceipt",
        summary="Get a receipt that was read before",
        response_model=Receipt,
        responses=answer | problem_responses(404, 422, 502, 503),
    )
    async def get_receipt(request: Request, receipt_id: ReceiptId, orientation: OrientationQuery = None) -> Response:
        """Gives a receipt that the present models have read, with the option given, and that is still in the cache."""
        return json_answer(await found(receipt_id, receipts_of(request).find(receipt_id, orientation)))

    @router.delete(
        "/{receipt_id}",
        operation_id="deleteReceipt",
        summary="Forget a receipt",
        status_code=204,
        response_class=Response,
        responses=forgotten | problem_responses(404, 422, 503),
    )
    async def delete_receipt(request: Request, receipt_id: ReceiptId) -> Response:
        """Forgets what was read of a receipt, by whichever models and with whichever options, and its corrections.

        The picture itself was never kept. Sent again, it is read again.
        """
        try:
            kept = await receipts_of(request).delete(receipt_id)
        except CacheUnavailableError as error:
            raise cache_unavailable("The receipt may still be kept. Try again later.") from error
        if not kept:
            raise receipt_not_found(f"No receipt with the id {receipt_id} is kept; there is nothing to forget.")
        return Response(status_code=204)

    return router

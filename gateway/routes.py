"""The routes of receipts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from gateway.cache import CacheUnavailableError
from gateway.examples import RECEIPT_EXAMPLE
from gateway.receipts import Receipts
from gateway.settings import GatewaySettings
from gateway.shared_reading import Caching
from shared.contracts import Receipt
from shared.problems import ProblemError, problem_responses
from shared.uploads import OrientationQuery, read_upload, upload_openapi

_WHAT = "A JPEG, PNG, WebP, HEIC, AVIF or BMP; or a TIFF or PDF, whose pages become one receipt."
_MORE_TYPES = ("image/heic", "image/avif", "image/tiff", "image/bmp", "application/pdf")

ReceiptId = Annotated[
    str,
    Path(
        pattern="^[0-9a-f]{32}$",
        description="The `id` of a receipt: the first 32 hexadecimal digits of the SHA-256 of the picture's bytes.",
        examples=["b1946ac92492d2347c6235b4d2611184"],
    ),
]


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
        response_model=Receipt,
        responses=answer | problem_responses(400, 408, 413, 415, 422, 502, 503, 504),
        openapi_extra=upload_openapi(what=_WHAT, more_types=_MORE_TYPES),
    )
    async def create_receipt(request: Request, orientation: OrientationQuery = None) -> Response:
        """Reads a receipt: a picture, or a document of several pages, as the file of a form or as the body itself.

        The same picture with the same option again is answered from the cache while the models are the same; `cached`
        tells, and `timings_ms` are then those of the first time. With the header `Cache-Control: no-store` the receipt
        is not kept, with `no-cache` it is read anew. A picture without text gives no lines and four fields that are
        `null`.
        """
        upload = await read_upload(request, settings.upload_limits)
        caching = Caching.asked_by(request.headers.get("cache-control"))
        return _json(await _receipts(request).read(upload.data, orientation, caching))

    @router.get(
        "/{receipt_id}",
        operation_id="getReceipt",
        summary="Get a receipt that was read before",
        response_model=Receipt,
        responses=answer | problem_responses(404, 422, 502, 503),
    )
    async def get_receipt(request: Request, receipt_id: ReceiptId, orientation: OrientationQuery = None) -> Response:
        """Gives a receipt that the present models have read, with the option given, and that is still in the cache."""
        try:
            receipt = await _receipts(request).find(receipt_id, orientation)
        except CacheUnavailableError as error:
            raise _cache_unavailable(
                "What was read before cannot be looked up now. Try again later, or send the picture again."
            ) from error
        if receipt is None:
            raise _not_found(
                f"No receipt with the id {receipt_id} was read by the present models, or it is no longer kept. "
                "Send the picture to POST /v1/receipts."
            )
        return _json(receipt)

    @router.delete(
        "/{receipt_id}",
        operation_id="deleteReceipt",
        summary="Forget a receipt",
        status_code=204,
        response_class=Response,
        responses=forgotten | problem_responses(404, 422, 503),
    )
    async def delete_receipt(request: Request, receipt_id: ReceiptId) -> Response:
        """Forgets what was read of a receipt, by whichever models and with whichever options.

        The picture itself was never kept. Sent again, it is read again.
        """
        try:
            found = await _receipts(request).delete(receipt_id)
        except CacheUnavailableError as error:
            raise _cache_unavailable("The receipt may still be kept. Try again later.") from error
        if not found:
            raise _not_found(f"No receipt with the id {receipt_id} is kept; there is nothing to forget.")
        return Response(status_code=204)

    return router


def _cache_unavailable(detail: str) -> ProblemError:
    return ProblemError(503, "cache-unavailable", "The cache is unavailable", detail, headers={"Retry-After": "2"})


def _not_found(detail: str) -> ProblemError:
    return ProblemError(404, "receipt-not-found", "There is no such receipt", detail)


def _receipts(request: Request) -> Receipts:
    receipts: Receipts = request.app.state.receipts
    return receipts


def _json(receipt: Receipt) -> Response:
    # Valid already: a second validation by the framework would only cost time. And nobody on the way may keep it.
    return Response(receipt.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"})

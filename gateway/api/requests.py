"""What the routes of receipts and of their corrections have in common."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Literal, TypeVar

from fastapi import Path, Query, Request, Response
from pydantic import BaseModel

from gateway.reading.receipts import Receipts
from gateway.storage.cache import CacheUnavailableError
from shared.problems import ProblemError

Found = TypeVar("Found")

ReceiptId = Annotated[
    str,
    Path(
        pattern="^[0-9a-f]{32}$",
        description="The `id` of a receipt: the first 32 hexadecimal digits of the SHA-256 of the picture's bytes.",
        examples=["b1946ac92492d2347c6235b4d2611184"],
    ),
]
SplitQuery = Annotated[
    Literal["pages"] | None,
    Query(description="pages: each page of a document is a receipt of its own. Left out: its pages are one receipt."),
]


def receipts_of(request: Request) -> Receipts:
    """The receipts of the application that a request came to."""
    receipts: Receipts = request.app.state.receipts
    return receipts


async def found(receipt_id: str, search: Awaitable[Found | None]) -> Found:
    """What a search in the cache finds of a receipt that was read before.

    Raises:
        ProblemError: 404 `receipt-not-found`, 503 `cache-unavailable`.
    """
    try:
        receipt = await search
    except CacheUnavailableError as error:
        raise cache_unavailable(
            "What was read before cannot be looked up now. Try again later, or send the picture again."
        ) from error
    if receipt is None:
        raise receipt_not_found(
            f"No receipt with the id {receipt_id} was read by the present models, or it is no longer kept. "
            "Send the picture to POST /v1/receipts."
        )
    return receipt


def json_answer(content: BaseModel) -> Response:
    """An answer with JSON; nobody on the way may keep it."""
    # Valid already: a second validation by the framework would only cost time.
    return Response(content.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"})


def cache_unavailable(detail: str) -> ProblemError:
    """The problem of a cache that cannot be asked."""
    return ProblemError(503, "cache-unavailable", "The cache is unavailable", detail, headers={"Retry-After": "2"})


def receipt_not_found(detail: str) -> ProblemError:
    """The problem of a receipt that is not kept."""
    return ProblemError(404, "receipt-not-found", "There is no such receipt", detail)

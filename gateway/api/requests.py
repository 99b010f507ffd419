"""What the routes of receipts and of their corrections share."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, TypeVar

from fastapi import Path, Query, Response
from pydantic import BaseModel

from gateway.storage.cache import CacheUnavailableError
from shared.contracts import Split
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
    Split | None,
    Query(
        description="auto: each receipt in the file is separate, whether it is on a page of its own, with others on a "
        "page, or on several pages that continue each other. receipts: the same, but each page is separate. pages: "
        "each page of a document is one receipt. By default, everything is one receipt."
    ),
]
MergeQuery = Annotated[
    bool,
    Query(
        description="true: the files of the form are pictures of one receipt, from top to bottom. They become one "
        "receipt, in which rows that two pictures show count once."
    ),
]


async def require_found(receipt_id: str, search: Awaitable[Found | None]) -> Found:
    """Return what a search in the cache finds.

    Raises:
        ProblemError: 404 `receipt-not-found`, 503 `cache-unavailable`.
    """
    try:
        receipt = await search
    except CacheUnavailableError as error:
        raise cache_unavailable_problem(
            "The receipt cannot be looked up at the moment. Try again later, or send the picture again."
        ) from error
    if receipt is None:
        raise receipt_not_found_problem(
            f"The receipt {receipt_id} was not read by the current models, or has expired. Send the picture to "
            "POST /v1/receipts."
        )
    return receipt


def json_response(content: BaseModel) -> Response:
    """Return a JSON response that no proxy may store."""
    # The content is valid already; letting the framework validate it again would only cost time.
    return Response(content.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"})


def cache_unavailable_problem(detail: str) -> ProblemError:
    """Return the problem of a cache that cannot be reached."""
    return ProblemError(503, "cache-unavailable", "The cache is unavailable", detail, headers={"Retry-After": "2"})


def receipt_not_found_problem(detail: str) -> ProblemError:
    """Return the problem of a receipt that is not in the cache."""
    return ProblemError(404, "receipt-not-found", "Receipt not found", detail)

"""Error responses become typed errors with their problem; keys are sent as headers."""

from __future__ import annotations

import httpx2
import pytest

from quittance_client import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    QuittanceError,
    RateLimitError,
    ServerError,
    UnsupportedFormatError,
    UploadTooLargeError,
)
from tests.support.fake_gateway import RECEIPT_ID, FakeGateway, problem


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (403, APIStatusError),
        (404, NotFoundError),
        (409, ConflictError),
        (413, UploadTooLargeError),
        (415, UnsupportedFormatError),
        (422, InvalidInputError),
        (429, RateLimitError),
        (500, ServerError),
    ],
)
def test_status_decides_the_class(gateway: FakeGateway, status: int, kind: type[APIStatusError]) -> None:
    gateway.replies = [problem(status, "some-problem", headers={"Retry-After": "3600"})]
    with pytest.raises(QuittanceError) as caught:
        gateway.client().receipts.get(RECEIPT_ID)
    error = caught.value
    assert type(error) is kind
    assert isinstance(error, APIStatusError)
    assert (error.status, error.code, error.title, error.detail) == (
        status,
        "some-problem",
        "It failed",
        "Try this instead.",
    )
    assert error.request_id == "5f0c"
    assert error.retry_after_s == 3600
    assert str(error) == "It failed. Try this instead."
    assert error.problem is not None
    assert error.problem.status == status


def test_response_without_problem_is_described(gateway: FakeGateway) -> None:
    gateway.replies = [httpx2.Response(500, text="<html>", headers={"X-Request-ID": "abc"})]
    with pytest.raises(ServerError, match="answered 500 Internal Server Error") as caught:
        gateway.client().receipts.get(RECEIPT_ID)
    error = caught.value
    assert (error.code, error.problem, error.request_id, error.detail) == (None, None, "abc", "")


def test_problem_of_a_proxy_has_no_code(gateway: FakeGateway) -> None:
    content = {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "Not from here."}
    gateway.replies = [httpx2.Response(403, json=content)]
    with pytest.raises(APIStatusError, match=r"Forbidden\. Not from here\.") as caught:
        gateway.client().health()
    assert caught.value.code is None


def test_key_comes_from_the_argument_or_the_environment(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.client().receipts.get(RECEIPT_ID)
    gateway.client(api_key="given").receipts.get(RECEIPT_ID)
    monkeypatch.setenv("QUITTANCE_API_KEY", "environment")
    gateway.client().receipts.get(RECEIPT_ID)
    gateway.client(api_key="given").receipts.get(RECEIPT_ID)
    assert gateway.sent("Authorization") == [None, "Bearer given", "Bearer environment", "Bearer given"]
    assert all((agent or "").startswith("quittance-client/") for agent in gateway.sent("User-Agent"))

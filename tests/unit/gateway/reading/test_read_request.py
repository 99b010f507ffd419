"""Requests to read a receipt."""

from __future__ import annotations

import hashlib

import pytest

from gateway.documents.renderer import PageImage
from gateway.reading.read_request import ReadRequest, start_deadline
from shared.service.deadline import Deadline
from shared.service.request_context import use_deadline


@pytest.mark.parametrize("size", [0, 10, 3 * 2**20])
async def test_identity_is_the_hash_of_all_bytes(size: int) -> None:
    data = bytes(size)
    request = await ReadRequest.create(data, timeout_s=5)
    assert request.identity.sha256 == hashlib.sha256(data).hexdigest()
    assert request.identity.receipt_id == request.identity.sha256[:32]


async def test_pages_have_their_own_identity_and_deadline() -> None:
    request = await ReadRequest.create(b"document", timeout_s=5, orientation="upright")
    image = PageImage(b"page", "image/png", (8, 8))
    pages = [request.extract_page(number, image, timeout_s=7) for number in range(2)]
    assert len({request.identity, *(page.identity for page in pages)}) == 3
    assert [(page.data, page.orientation, page.deadline.seconds) for page in pages] == [(b"page", "upright", 7)] * 2


def test_deadline_of_the_http_request_applies_if_it_is_sooner() -> None:
    with use_deadline(Deadline(3)):
        assert [start_deadline(timeout_s).seconds for timeout_s in (2, 4)] == [2, 3]
    assert start_deadline(4).seconds == 4

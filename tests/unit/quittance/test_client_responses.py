"""What the client makes of unexpected responses, and media types."""

from __future__ import annotations

import json

import httpx2
import pytest

from quittance import client
from quittance.client import ReceiptClient
from tests.support.command_line import PROBLEM


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [(422, json.dumps(PROBLEM), "The picture is damaged"), (502, "<html>", "502"), (200, "{}", "does not answer as")],
)
async def test_the_client_says_why_a_receipt_was_not_read(status: int, body: str, message: str) -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, text=body))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as http:
        with pytest.raises(client.ClientError, match=message):
            await ReceiptClient(http).read(b"\xff\xd8")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_finds_the_media_type_in_the_first_bytes(data: bytes, expected: str) -> None:
    assert client.media_type(data) == expected

"""Pages of documents as pictures."""

from __future__ import annotations

import io

from PIL import Image

from tests.support.gateway import Gateway, assert_problem


async def test_renders_a_page_and_stores_nothing(gateway: Gateway) -> None:
    document = io.BytesIO()
    Image.new("RGB", (60, 90), "white").save(document, "TIFF")
    response = await gateway.http.post("/v1/pages?page=0", content=document.getvalue())
    assert (response.status_code, response.headers["content-type"]) == (200, "image/webp")
    assert response.headers["cache-control"] == "no-store"
    assert Image.open(io.BytesIO(response.content)).size == (60, 90)
    assert_problem(await gateway.http.post("/v1/pages?page=1", content=document.getvalue()), 404, "no-such-page")
    assert_problem(await gateway.http.post("/v1/pages?page=-1", content=document.getvalue()), 422, "invalid-request")
    assert_problem(await gateway.http.post("/v1/pages", content=b"%!PS"), 415, "unsupported-format")
    assert gateway.detector.requests == []

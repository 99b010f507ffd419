"""The OpenAPI schema."""

from __future__ import annotations

import json

from gateway.api.examples import RECEIPT_EXAMPLE
from shared.contracts import Receipt
from tests.support.gateway import Gateway


async def test_schema_describes_errors_and_has_a_valid_example(gateway: Gateway) -> None:
    schema = (await gateway.http.get("/openapi.json")).json()
    post = schema["paths"]["/v1/receipts"]["post"]
    assert set(post["requestBody"]["content"]) == {"multipart/form-data", "application/octet-stream"}
    assert set(post["responses"]) >= {"200", "400", "413", "415", "422", "502", "503", "504"}
    assert "application/problem+json" in post["responses"]["503"]["content"]
    example = post["responses"]["200"]["content"]["application/json"]["example"]
    assert Receipt.model_validate(example).model_dump(mode="json") == json.loads(json.dumps(RECEIPT_EXAMPLE))
    assert "404" in schema["paths"]["/v1/receipts/{receipt_id}"]["get"]["responses"]

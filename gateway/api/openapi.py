"""What the layers in front of the routes add to the OpenAPI schema: API keys, rate limits, idempotency keys."""

from __future__ import annotations

from typing import Any

from gateway.admission.access import is_open
from gateway.admission.idempotency import HEADER as IDEMPOTENCY_KEY
from shared.problems import problem_responses

_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, made by `quittance keys create`."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same, in another header."},
}
_IDEMPOTENCY_KEY = {
    "name": IDEMPOTENCY_KEY,
    "in": "header",
    "required": False,
    "description": "The same key with the same request again gets the first answer, without anything being done again; "
    "with another request 422, and while the first is still being answered 409.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "0b9c2c5e-6a3f-4c61-9a53-0a9f2f0d7a11",
}


def document_access(schema: dict[str, Any]) -> None:
    """Adds it to every operation that it concerns, in place."""
    schema.setdefault("components", {})["securitySchemes"] = _SECURITY_SCHEMES
    for path, methods in schema["paths"].items():
        if is_open(path):
            continue
        for method, operation in methods.items():
            operation["security"] = [{"bearer": []}, {"apiKey": []}, {}]
            statuses = [401, 429]
            if method == "post":
                statuses += [400, 409, 422]
                operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
            for status, response in problem_responses(*statuses).items():
                response.pop("model")  # only FastAPI understands it
                operation["responses"].setdefault(str(status), response)

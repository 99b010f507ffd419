"""What the middleware adds to the OpenAPI schema: API keys, rate limits and idempotency keys."""

from __future__ import annotations

from typing import Any

from gateway.admission.access import is_public
from gateway.admission.host_names import ALWAYS_ANSWERED
from gateway.admission.idempotency import IDEMPOTENCY_KEY_HEADER
from shared.problem_responses import problem_responses

_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, created with `quittance keys create`."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key in another header."},
}
_IDEMPOTENCY_KEY = {
    "name": IDEMPOTENCY_KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "If the same request is sent again with the same key, it gets the first response and is not "
    "executed again. Another request with this key gets 422; a repeated one gets 409 while the first is in progress.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "0b9c2c5e-6a3f-4c61-9a53-0a9f2f0d7a11",
}


def document_admission(schema: dict[str, Any]) -> None:
    """Add security schemes, the idempotency key and their problems to the operations of a schema, in place."""
    schema.setdefault("components", {})["securitySchemes"] = _SECURITY_SCHEMES
    for path, methods in schema["paths"].items():
        if path not in ALWAYS_ANSWERED:
            for operation in methods.values():
                _document_problems(operation, [421])
        if is_public(path):
            continue
        for method, operation in methods.items():
            operation["security"] = [{"bearer": []}, {"apiKey": []}, {}]
            statuses = [401, 429]
            if method in ("post", "put", "delete"):
                statuses.append(403)
            if method == "post":
                statuses += [400, 409, 422]
                operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
            _document_problems(operation, statuses)


def _document_problems(operation: dict[str, Any], statuses: list[int]) -> None:
    for status, response in problem_responses(*statuses).items():
        # Only FastAPI understands it.
        response.pop("model")
        operation["responses"].setdefault(str(status), response)

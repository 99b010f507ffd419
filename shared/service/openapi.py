"""Complete the OpenAPI schema of FastAPI: errors are problems, and every JSON body has an example.

An example is composed of those of the fields in `shared.contracts`, so it cannot contradict them. A route with a better
example gives it in its `responses`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared.contracts import Problem
from shared.problem_responses import EXAMPLES, MEDIA_TYPE
from shared.problems import problem_type
from shared.service.deadline import TIMEOUT_HEADER
from shared.service.health import PROBES

# Statuses that `shared.service.guard` can return for any operation except probes, and for operations with a body.
_GUARD_STATUSES = (500, 503, 504)
_BODY_STATUSES = (400, 408, 413)
_TIMEOUT = {
    "name": TIMEOUT_HEADER,
    "in": "header",
    "required": False,
    "description": "Milliseconds that the caller waits, if less than the service allows; then the response is 504.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "example": 10_000,
}
_JSON = "application/json"
_MAX_DEPTH = 12  # ends models that contain themselves


def complete_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Add what is missing to a schema of FastAPI, in place, and return it."""
    _document_problems(schema)
    for operation in iterate_operations(schema):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            media = body.get("content", {}).get(_JSON)
            if media is None or media.keys() & {"example", "examples"}:
                continue
            try:
                media["example"] = build_example(media["schema"], schema)
            except LookupError:  # a field without an example, which a test of the schemas reports
                continue
    return schema


def iterate_operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all operations of a schema."""
    for methods in schema.get("paths", {}).values():
        yield from methods.values()


def _document_problems(schema: dict[str, Any]) -> None:
    for path, methods in schema.get("paths", {}).items():
        for operation in methods.values():
            responses = operation.setdefault("responses", {})
            added = () if path in PROBES else _GUARD_STATUSES
            for status in (*added, *(_BODY_STATUSES if "requestBody" in operation else ())):
                responses.setdefault(str(status), {"description": EXAMPLES[status][1]})
            if "requestBody" in operation:
                operation.setdefault("parameters", []).append(_TIMEOUT)
            for status, response in responses.items():
                if status.isdecimal() and int(status) in EXAMPLES:
                    response["content"] = {MEDIA_TYPE: _describe_status(int(status))}
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas.setdefault("Problem", Problem.model_json_schema())
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def _describe_status(status: int) -> dict[str, Any]:
    code, title, detail = EXAMPLES[status]
    example = Problem(type=problem_type(code), title=title, status=status, detail=detail)
    return {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example.model_dump(exclude_none=True)}


def build_example(part: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> Any:
    """Compose an example of a part of a schema.

    Args:
        part: JSON schema, which may refer to the components.
        schema: The whole OpenAPI document.
        depth: Depth of the part within the first one.

    Raises:
        LookupError: If a field has no example, constant or default, or if the schema is endless.
    """
    if "examples" in part:
        return part["examples"][0]
    for key in ("example", "const", "default"):
        if part.get(key) is not None:
            return part[key]
    if depth > _MAX_DEPTH:
        raise LookupError("the schema is endless")
    if "$ref" in part:
        return build_example(schema["components"]["schemas"][part["$ref"].rpartition("/")[2]], schema, depth + 1)
    if "enum" in part:
        return part["enum"][0]
    for choices in ("anyOf", "oneOf", "allOf"):
        if choices in part:
            return build_example(part[choices][0], schema, depth + 1)
    if "properties" in part:
        return {name: build_example(value, schema, depth + 1) for name, value in part["properties"].items()}
    if part.get("type") == "array" and "items" in part:
        return [build_example(part["items"], schema, depth + 1)]
    raise LookupError(f"no example of {part.get('title', part)}")

"""Completes the OpenAPI schema that FastAPI makes: errors are problems, and every JSON body has an example.

An example is put together from those of the fields in `shared.contracts`, so that it cannot contradict them; a route
that has a better one gives it in its `responses`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared.contracts import Problem
from shared.problems import EXAMPLES, MEDIA_TYPE, problem_type
from shared.service.deadline import HEADER as TIMEOUT
from shared.service.health import PROBES

# What `shared.service.guard` can answer in place of any operation but the probes, and of those with a body.
_OF_THE_GUARD = (500, 503, 504)
_OF_A_BODY = (400, 408, 413)
_TIMEOUT = {
    "name": TIMEOUT,
    "in": "header",
    "required": False,
    "description": "Milliseconds that the caller grants, if less than the service does; then 504.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "example": 10_000,
}
_JSON = "application/json"
_DEEPEST = 12  # a model that holds itself ends here


def completed(schema: dict[str, Any]) -> dict[str, Any]:
    """Adds what is missing to a schema of FastAPI, in place, and gives it back."""
    _document_problems(schema)
    for operation in operations(schema):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            media = body.get("content", {}).get(_JSON)
            if media is None or media.keys() & {"example", "examples"}:
                continue
            try:
                media["example"] = example_of(media["schema"], schema)
            except LookupError:  # a field without an example; a test of the schemas finds it
                continue
    return schema


def operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All operations of a schema."""
    for methods in schema.get("paths", {}).values():
        yield from methods.values()


def _document_problems(schema: dict[str, Any]) -> None:
    for path, methods in schema.get("paths", {}).items():
        for operation in methods.values():
            responses = operation.setdefault("responses", {})
            added = () if path in PROBES else _OF_THE_GUARD
            for status in (*added, *(_OF_A_BODY if "requestBody" in operation else ())):
                responses.setdefault(str(status), {"description": EXAMPLES[status][1]})
            if "requestBody" in operation:
                operation.setdefault("parameters", []).append(_TIMEOUT)
            for status, response in responses.items():
                if status.isdecimal() and int(status) in EXAMPLES:
                    response["content"] = {MEDIA_TYPE: _documented(int(status))}
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas.setdefault("Problem", Problem.model_json_schema())
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def _documented(status: int) -> dict[str, Any]:
    code, title, detail = EXAMPLES[status]
    example = Problem(type=problem_type(code), title=title, status=status, detail=detail)
    return {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example.model_dump(exclude_none=True)}


def example_of(part: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> Any:
    """Puts together an example of a part of a schema.

    Args:
        part: A JSON schema, which may refer to the components.
        schema: The whole OpenAPI document.
        depth: How far inside of the first part this one is.

    Raises:
        LookupError: If some field has neither an example nor a value of its own.
    """
    if "examples" in part:
        return part["examples"][0]
    for key in ("example", "const", "default"):
        if part.get(key) is not None:
            return part[key]
    if depth > _DEEPEST:
        raise LookupError("the schema does not end")
    if "$ref" in part:
        return example_of(schema["components"]["schemas"][part["$ref"].rpartition("/")[2]], schema, depth + 1)
    if "enum" in part:
        return part["enum"][0]
    for choices in ("anyOf", "oneOf", "allOf"):
        if choices in part:
            return example_of(part[choices][0], schema, depth + 1)
    if "properties" in part:
        return {name: example_of(value, schema, depth + 1) for name, value in part["properties"].items()}
    if part.get("type") == "array" and "items" in part:
        return [example_of(part["items"], schema, depth + 1)]
    raise LookupError(f"there is no example of {part.get('title', part)}")

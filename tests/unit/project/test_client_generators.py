"""The schemas stay readable for client generators; `make check-generators` runs the generators themselves.

openapi-python-client cannot be a test dependency: it needs an older typer than the command line does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.service.openapi import iterate_operations

SCHEMAS = sorted((Path(__file__).resolve().parents[3] / "docs" / "openapi").glob("*.json"))
# What openapi-python-client 0.29 reads; it warns about every other body and leaves out every other response.
REQUEST_TYPES = {"application/json", "application/octet-stream", "multipart/form-data"}
RESPONSE_TYPES = re.compile(r"application/(.+\+)?json|application/octet-stream|text/.+")


@pytest.fixture(params=SCHEMAS, ids=lambda path: path.stem)
def schema(request: pytest.FixtureRequest) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return content


def strings(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema of a binary string below a part of the document."""
    if isinstance(part, dict):
        if part.get("format") == "binary":
            yield part
        for value in part.values():
            yield from strings(value)
    elif isinstance(part, list):
        for value in part:
            yield from strings(value)


def test_there_is_a_schema_for_each_application() -> None:
    assert [path.stem for path in SCHEMAS] == ["detector", "extractor", "gateway", "recognizer"]


def test_request_bodies_have_types_that_generators_read(schema: dict[str, Any]) -> None:
    for operation in iterate_operations(schema):
        content = operation.get("requestBody", {}).get("content", {})
        assert set(content) <= REQUEST_TYPES, operation["operationId"]
        assert all("schema" in media for media in content.values()), operation["operationId"]


def test_every_response_has_a_type_that_generators_read(schema: dict[str, Any]) -> None:
    for operation in iterate_operations(schema):
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            readable = [media for name, media in content.items() if RESPONSE_TYPES.fullmatch(name)]
            assert not content or readable, (operation["operationId"], status)
            assert all("schema" in media for media in readable), (operation["operationId"], status)


def test_binary_data_is_a_plain_string_schema(schema: dict[str, Any]) -> None:
    for one in strings(schema):
        assert one["type"] == "string"
        assert set(one) <= {"type", "format", "description"}


def test_names_stay_distinct_as_identifiers(schema: dict[str, Any]) -> None:
    """Generators turn names into the case of their language, where two may become one."""
    for names in (
        [operation["operationId"] for operation in iterate_operations(schema)],
        list(schema["components"]["schemas"]),
    ):
        assert len({re.sub(r"\W|_", "", name).lower() for name in names}) == len(names)

"""The schemas of the four applications: complete, right in themselves, and as they are checked in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from quittance.schemas import APPS, build_schema, format_schema
from shared.service.openapi import build_example, complete_schema, iterate_operations

PROBES = ("/healthz", "/readyz", "/metrics")


@pytest.fixture(autouse=True)
def _default_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # no .env


@pytest.fixture(params=APPS)
def schema(request: pytest.FixtureRequest) -> dict[str, Any]:
    return build_schema(request.param)


def media(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every body in a schema: a name for messages, and its media type object."""
    found = []
    for operation in iterate_operations(schema):
        bodies = {"request": operation.get("requestBody", {})} | operation["responses"]
        for status, body in bodies.items():
            for kind, content in body.get("content", {}).items():
                found.append((f"{operation['operationId']} {status} {kind}", content))
    return found


@pytest.mark.parametrize("name", APPS)
def test_the_schema_checked_in_is_the_one_the_application_has(name: str, repository: Path) -> None:
    path = repository / "docs" / "openapi" / f"{name}.json"
    assert path.read_text() == format_schema(build_schema(name)), f"{path.name} has drifted: run `make openapi`"


def test_the_schema_is_valid(schema: dict[str, Any]) -> None:
    validate(schema)


def test_every_operation_has_its_name_its_summary_and_its_errors(schema: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in iterate_operations(schema)]
    assert len(set(names)) == len(names)
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            assert re.fullmatch(r"[a-z]+[A-Z]\w+", operation["operationId"]), operation["operationId"]
            assert operation["summary"]
            statuses = set(operation["responses"])
            assert any(status.startswith("2") for status in statuses)
            if path not in PROBES:
                assert {"500", "503", "504"} <= statuses, path
            if "requestBody" in operation:
                assert {"400", "408", "413", "415", "422"} <= statuses, path
            if operation.get("parameters"):
                assert "422" in statuses, path
            errors = [body for status, body in operation["responses"].items() if status >= "400"]
            assert all(list(body["content"]) == ["application/problem+json"] for body in errors)


def test_every_body_of_json_has_an_example_that_keeps_to_its_schema(schema: dict[str, Any]) -> None:
    for name, content in media(schema):
        if not re.search(r"json|text/plain", name):
            continue
        examples = [one["value"] for one in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        assert examples, name
        whole = content["schema"] | {"components": schema["components"]}
        for example in examples:
            errors = [error.message for error in Draft202012Validator(whole).iter_errors(example)]
            assert not errors, name


def test_every_parameter_has_an_example_or_a_choice(schema: dict[str, Any]) -> None:
    for operation in iterate_operations(schema):
        for parameter in operation.get("parameters", []):
            text = json.dumps(parameter)
            assert re.search(r'"(example|examples|enum|default|const)"', text), (operation["operationId"], parameter)
            assert parameter.get("description"), (operation["operationId"], parameter["name"])


def test_an_example_is_put_together_from_those_of_the_fields() -> None:
    schema = {
        "paths": {
            "/x": {
                "post": {
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}},
                    "responses": {"200": {"content": {"application/json": {"schema": {"type": "integer"}}}}},
                }
            }
        },
        "components": {
            "schemas": {
                "A": {
                    "properties": {
                        "one": {"type": "integer", "examples": [7]},
                        "some": {"type": "array", "items": {"$ref": "#/components/schemas/B"}},
                    }
                },
                "B": {"properties": {"kind": {"const": "b"}, "maybe": {"anyOf": [{"enum": ["x"]}, {"type": "null"}]}}},
            }
        },
    }
    operation = complete_schema(schema)["paths"]["/x"]["post"]
    body = operation["requestBody"]["content"]["application/json"]
    assert body["example"] == {"one": 7, "some": [{"kind": "b", "maybe": "x"}]}
    assert "example" not in operation["responses"]["200"]["content"]["application/json"]
    assert {"408", "413", "500", "503", "504"} <= set(operation["responses"])
    with pytest.raises(LookupError, match="endless"):
        build_example({"$ref": "#/components/schemas/C"}, {"components": {"schemas": {"C": {"$ref": "#/x/C"}}}})

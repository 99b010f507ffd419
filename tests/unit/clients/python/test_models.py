"""The models of the client match the OpenAPI schema of the gateway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from quittance_client import models

SCHEMA = Path(__file__).resolve().parents[4] / "docs" / "openapi" / "gateway.json"
COMPONENTS: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))["components"]["schemas"]
# Members that say nothing about types: prose, and limits that only the gateway checks. The client keeps members that
# it does not know, so that a newer gateway does not break it.
IGNORED = {
    *("title", "description", "examples", "additionalProperties", "propertyNames", "patternProperties"),
    *("minimum", "maximum", "pattern", "minLength", "maxLength", "minItems", "maxItems", "minProperties"),
}
MODELS: dict[str, type[BaseModel]] = {
    name: one
    for name, one in vars(models).items()
    if isinstance(one, type) and issubclass(one, models.Model) and one is not models.Model
}


def types_in(part: Any) -> Any:
    """Reduce a part of a schema to what it says about types."""
    if isinstance(part, list):
        return [types_in(one) for one in part]
    if not isinstance(part, dict):
        return part.replace("#/$defs/", "#/components/schemas/") if isinstance(part, str) else part
    reduced = {
        key: {name: types_in(one) for name, one in value.items()} if key == "properties" else types_in(value)
        for key, value in part.items()
        if key not in IGNORED
    }
    if isinstance(part.get("additionalProperties"), dict):
        reduced["additionalProperties"] = types_in(part["additionalProperties"])
    elif part.get("type") == "object" and "properties" not in part:
        (values,) = part.get("patternProperties", {"": {"type": "string"}}).values()
        reduced["additionalProperties"] = types_in(values)
    for empty in ("default", "required"):
        if reduced.get(empty) in (None, [], {}):
            reduced.pop(empty, None)
    return reduced


def test_every_schema_has_a_model() -> None:
    assert set(MODELS) == set(COMPONENTS)


@pytest.mark.parametrize("name", COMPONENTS)
def test_model_matches_schema(name: str) -> None:
    schema = MODELS[name].model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    assert types_in(schema) == types_in(COMPONENTS[name])


def test_comparison_finds_differences() -> None:
    class Counts(models.Model):
        total: int
        queued: int | None = None

    assert types_in(Counts.model_json_schema()) != types_in(COMPONENTS["Counts"])
    assert types_in({"type": "string"}) != types_in({"type": "integer"})


def test_unknown_members_are_kept() -> None:
    problem = models.Problem.model_validate({"title": "Gone", "status": 404, "detail": "No.", "missing": ["a"]})
    assert problem.model_extra == {"missing": ["a"]}
    counts = models.Counts.model_validate({"total": 3, "done": 1, "failed": 1, "skipped": 1})
    assert counts.finished == 2
    assert counts.model_dump()["skipped"] == 1

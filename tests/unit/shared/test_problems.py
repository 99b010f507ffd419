"""Tests of problem details; test_app.py tests how applications return them."""

from __future__ import annotations

import json

from pydantic import BaseModel, ValidationError

from shared.contracts import Problem
from shared.problem_responses import problem_response, problem_responses
from shared.problems import ProblemError, validation_problem
from shared.service.openapi import complete_schema


class Shape(BaseModel):
    sides: list[int]
    name: str


def test_problem_has_the_members_of_the_standard() -> None:
    error = ProblemError(422, "picture-damaged", "The picture is damaged", "Cut off.", extra={"width": 3})
    response = problem_response(error, path="/v1/receipts")
    assert response.status_code == 422
    assert response.media_type == "application/problem+json"
    assert json.loads(bytes(response.body)) == {
        "type": "urn:quittance:problem:picture-damaged",
        "title": "The picture is damaged",
        "status": 422,
        "detail": "Cut off.",
        "instance": "/v1/receipts",
        "width": 3,
    }


def test_error_in_a_log_has_code_and_detail() -> None:
    assert (
        str(ProblemError(422, "picture-damaged", "The picture is damaged", "Cut off.")) == "picture-damaged: Cut off."
    )


def test_validation_problem_is_shortened() -> None:
    try:
        Shape.model_validate({"sides": ["private"] * 30})
    except ValidationError as error:
        problem = validation_problem(error.errors(), code="invalid-shape")
    assert (problem.status, problem.code) == (422, "invalid-shape")
    assert problem.detail.startswith("sides.0: Input should be a valid integer")
    assert problem.detail.endswith("and 28 more.")
    assert len(problem.extra["errors"]) == 20
    assert "private" not in json.dumps(problem.extra)


def test_every_status_can_be_documented() -> None:
    statuses = (400, 404, 405, 408, 413, 415, 422, 429, 500, 502, 503, 504)
    responses = {str(status): dict(entry) for status, entry in problem_responses(*statuses).items()}
    schema = complete_schema({"paths": {"/x": {"post": {"responses": responses | {"200": {"content": {"a": {}}}}}}}})
    documented = schema["paths"]["/x"]["post"]["responses"]
    assert documented["200"]["content"] == {"a": {}}
    for status in statuses:
        example = documented[str(status)]["content"]["application/problem+json"]["example"]
        assert Problem.model_validate(example).status == status

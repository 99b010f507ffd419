"""What the validation found, in plain words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.validation_messages import explain_errors

Main = Literal["company", "total"]
Additional = Literal["phone"]


class Change(BaseModel):
    value: str


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fields: dict[Main | Additional, Change] = {}
    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] = "0" * 32
    names: list[Main | Additional] = []
    is_fast: bool = False

    @model_validator(mode="after")
    def _require_change(self) -> Request:
        if self.is_fast:
            raise ValueError("name a field")
        return self


def explain(value: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        Request.model_validate(value)
    return [(error["where"], error["message"]) for error in explain_errors(caught.value.errors())]


@pytest.mark.parametrize(
    ("value", "where", "message"),
    [
        ({"fields": {"total": "5.00"}}, "fields.total", "Input should be a JSON object"),
        ({"fields": {"total": {}}}, "fields.total.value", "It is missing"),
        ({"total": "5.00"}, "total", "There is no member of this name"),
        ({"id": "x"}, "id", "Input should be an ID: 32 of the characters 0 to 9 and a to f"),
        ({"is_fast": "perhaps"}, "is_fast", "Input should be true or false"),
        ({"is_fast": True}, "", "name a field"),
        ({"fields": {"dat": {"value": "x"}}}, "fields.dat", "Input should be 'company', 'total' or 'phone'"),
        ({"names": ["dat"]}, "names.0", "Input should be 'company', 'total' or 'phone'"),
    ],
)
def test_says_what_is_wrong_without_the_words_of_the_library(value: Any, where: str, message: str) -> None:
    assert explain(value) == [(where, message)]


def test_keeps_every_error_of_one_place_that_is_no_choice() -> None:
    errors = [{"loc": ("body", "a"), "type": "custom", "msg": "one"}, {"loc": ("body", "a"), "type": "b", "msg": "two"}]
    assert [error["message"] for error in explain_errors(errors)] == ["one", "two"]


def test_says_where_json_ends() -> None:
    error = {
        "loc": ("body", 7),
        "type": "json_invalid",
        "msg": "JSON decode error",
        "ctx": {"error": "Expecting value"},
    }
    assert explain_errors([error]) == [
        {"where": "body", "message": "This is not valid JSON: Expecting value, at character 7"}
    ]

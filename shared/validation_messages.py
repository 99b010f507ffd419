"""Say in plain words what the validation of pydantic and FastAPI found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

# Kind of error -> message, where pydantic speaks of Python or of its own classes.
_MESSAGES = {
    "bool_parsing": "Input should be true or false",
    "dataclass_type": "Input should be a JSON object",
    "dict_type": "Input should be a JSON object",
    "extra_forbidden": "There is no member of this name",
    "list_type": "Input should be a JSON array",
    "missing": "It is missing",
    "model_attributes_type": "Input should be a JSON object",
    "model_type": "Input should be a JSON object",
}
_ID_PATTERN = "^[0-9a-f]{32}$"
_CHOICE = re.compile(r"'([^']*)'")
# Steps of a location that name a branch of a union, or the key of a member, not a place in the input.
_UNION_STEP = re.compile(r"\[key\]|literal\[.*\]")


def explain_errors(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return where each error is (`where`, steps joined by periods) and what is wrong (`message`).

    The branches of a union count as one error, with the choices of all of them.

    Args:
        errors: Errors as of `ValidationError.errors()` or `RequestValidationError.errors()`. The values sent are not
            repeated.
    """
    places: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for number, error in enumerate(errors):
        place = tuple(str(step) for step in error.get("loc", ()))
        where = tuple(step for step in place if not _UNION_STEP.fullmatch(step))
        is_choice = where != place and error.get("type") == "literal_error"
        places.setdefault(where if is_choice else (*where, f"#{number}"), []).append(error)
    return [_explain_place(place, found) for place, found in places.items()]


def explain_error(error: Mapping[str, Any]) -> str:
    """Return what is wrong, as a sentence without a period."""
    kind, context = error.get("type"), error.get("ctx") or {}
    if kind == "json_invalid":
        return f"This is not valid JSON: {context.get('error', 'it cannot be parsed')}"
    if kind == "string_pattern_mismatch" and context.get("pattern") == _ID_PATTERN:
        return "Input should be an ID: 32 of the characters 0 to 9 and a to f"
    return _MESSAGES.get(str(kind)) or str(error.get("msg", "")).removeprefix("Value error, ")


def _explain_place(place: tuple[str, ...], errors: list[Mapping[str, Any]]) -> dict[str, str]:
    steps = [step for step in place if not step.startswith("#")]
    if errors[0].get("type") == "json_invalid":  # the last step is an offset
        return {"where": ".".join(steps[:1]), "message": f"{explain_error(errors[0])}, at character {steps[-1]}"}
    if len(errors) == 1:
        return {"where": ".".join(steps), "message": explain_error(errors[0])}
    choices = [name for error in errors for name in _CHOICE.findall(str(error.get("msg", "")))]
    listed = ", ".join(f"'{name}'" for name in choices[:-1])
    return {"where": ".".join(steps), "message": f"Input should be {listed} or '{choices[-1]}'"}

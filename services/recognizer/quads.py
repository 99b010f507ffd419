"""Read and check the quads of a request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from shared.problems import ProblemError

QUADS_SCHEMA: dict[str, Any] = {
    "type": "string",
    "contentMediaType": "application/json",
    "description": "JSON list of quads: four corners `[x, y]` each, in pixels, clockwise from the top left of the "
    "text. Without it, the whole picture is one segment.",
    "example": "[[[72, 25], [326, 25], [326, 64], [72, 64]]]",
}

_MAX_COORDINATE_PX = 1e9
_MAX_ERRORS_LISTED = 20
_JSON_TYPES: dict[type, str] = {
    dict: "object",
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    type(None): "null",
}


def parse_quads(text: str, max_quads: int) -> list[Any]:
    """Read the form field `quads`.

    Args:
        text: JSON list of quads.
        max_quads: Maximum number of quads.

    Returns:
        The quads, checked to be four corners of two numbers each.

    Raises:
        ProblemError: 422 `quads-invalid`, which lists the quads at fault by index, counted from 0; 413
            `too-many-quads`.
    """
    try:
        quads = json.loads(text, parse_constant=_reject_constant)
    except ValueError as error:
        raise _quads_problem(f"`quads` is not valid JSON: {error}.", []) from error
    except RecursionError as error:
        raise _quads_problem("`quads` is not valid JSON: it is nested too deeply.", []) from error
    if not isinstance(quads, list):
        name = _JSON_TYPES.get(type(quads), type(quads).__name__)
        raise _quads_problem(f"`quads` must be a list of quads, not of type {name}.", [])
    if len(quads) > max_quads:
        raise ProblemError(
            413,
            "too-many-quads",
            "There are too many quads",
            f"`quads` has {len(quads):,} quads; the maximum per request is {max_quads:,}.",
            extra={"max_quads": max_quads},
        )
    _raise_faults([(index, fault) for index, quad in enumerate(quads) if (fault := _find_shape_fault(quad))])
    return quads


def require_quads_on_page(quads: Sequence[ArrayLike], width: int, height: int) -> None:
    """Check that all quads can be cut out of a page.

    Args:
        quads: `(4, 2)` each, in pixels.
        width: Width of the page in pixels.
        height: Height of the page in pixels.

    Raises:
        ProblemError: 422 `quads-invalid`.
    """
    faults = [(index, fault) for index, quad in enumerate(quads) if (fault := find_quad_fault(quad, width, height))]
    _raise_faults(faults)


def find_quad_fault(quad: ArrayLike, width: int, height: int) -> str | None:
    """Say why a quad cannot be cut out of a page of that size in pixels; None if it can.

    A quad may reach over the edge of the page, as those of detectors do, but must overlap it.
    """
    corners = np.asarray(quad, dtype=np.float64)
    if corners.shape != (4, 2):
        return f"its shape is {corners.shape}, not four corners of x and y"
    if not np.isfinite(corners).all():
        return "a coordinate is not finite"
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        return f"it is outside the picture of {width} x {height} pixels"
    reach = max(width, height)
    if x0 < -reach or y0 < -reach or x1 > width + reach or y1 > height + reach:
        return f"it reaches far outside the picture of {width} x {height} pixels"
    return None


def _reject_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _find_shape_fault(quad: object) -> str | None:
    if not isinstance(quad, list) or len(quad) != 4:
        return "it is not a list of four corners"
    for corner in quad:
        if not isinstance(corner, list) or len(corner) != 2:
            return "a corner is not a list of x and y"
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in corner):
            return "a coordinate is not a number"
        if not all(abs(value) < _MAX_COORDINATE_PX for value in corner):
            return "a coordinate is not finite or beyond 1,000,000,000 pixels"
    return None


def _raise_faults(faults: Sequence[tuple[int, str]]) -> None:
    if not faults:
        return
    index, fault = faults[0]
    more = f" {len(faults) - 1} more are not valid." if len(faults) > 1 else ""
    raise _quads_problem(f"Quad {index} (counted from 0) is not valid: {fault}.{more}", faults)


def _quads_problem(detail: str, faults: Sequence[tuple[int, str]]) -> ProblemError:
    listed = [{"quad": index, "message": fault} for index, fault in faults[:_MAX_ERRORS_LISTED]]
    advice = " Send a JSON list of quads: four corners [x, y] each, in pixels, clockwise from the top left of the text."
    return ProblemError(
        422, "quads-invalid", "The quads are not valid", detail + advice, extra={"errors": listed} if listed else None
    )

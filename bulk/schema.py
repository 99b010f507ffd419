"""The columns of the output: those of a receipt, as the contracts declare them, and where it came from.

`docs/bulk.md` lists them. They are derived from the contracts, so a new field of a receipt appears in the output, too:
objects become structs, lists stay lists, and enumerations become text. Amounts stay text, as in the API.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pyarrow as pa
from pydantic import BaseModel

from shared.contracts import Receipt

# What only requests to a gateway have.
_LEFT_OUT = frozenset({"timings_ms", "cached", "corrections"})
# Listed first; the rest follows in the order of the contract.
_FIRST = ("id", "models")
_SCALARS: Mapping[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", "UTC"),
}
_ORIGIN = [
    pa.field("source", pa.string(), nullable=False),
    pa.field("member", pa.string()),
    pa.field("page", pa.int64()),
]
_OUTCOME = [
    pa.field("needs_review", pa.bool_(), nullable=False),
    pa.field("review", pa.list_(pa.string()), nullable=False),
    pa.field("error", pa.struct([(name, pa.string()) for name in ("code", "title", "detail")])),
]
RECEIPT_COLUMNS = (*_FIRST, *(name for name in Receipt.model_fields if name not in {*_FIRST, *_LEFT_OUT}))


def build_schema() -> pa.Schema:
    """Return the schema of the output."""
    contract = Receipt.model_fields
    receipt = [pa.field(name, to_arrow(contract[name].annotation)) for name in RECEIPT_COLUMNS]
    return pa.schema([*_ORIGIN, *_OUTCOME, *receipt])


def to_arrow(annotation: Any) -> pa.DataType:
    """Return the Arrow type of a type that contracts use.

    Raises:
        TypeError: If there is none.
    """
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pa.struct([(name, to_arrow(field.annotation)) for name, field in annotation.model_fields.items()])
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return to_arrow(arguments[0])
    if origin is Literal:
        (kind,) = {type(value) for value in arguments}
        return to_arrow(kind)
    if origin in (Union, types.UnionType):
        # Only null is allowed besides one type.
        (kind,) = {to_arrow(one) for one in arguments if one is not type(None)}
        return kind
    if origin is list:
        return pa.list_(to_arrow(arguments[0]))
    if origin is tuple:
        (kind,) = {to_arrow(one) for one in arguments if one is not Ellipsis}
        return pa.list_(kind)
    if origin is dict:
        return pa.map_(to_arrow(arguments[0]), to_arrow(arguments[1]))
    raise TypeError(f"{annotation} has no column type; add it to {__name__}.")

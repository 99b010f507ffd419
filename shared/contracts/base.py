"""Types that all contracts build on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Rotation = Literal[0, 90, 180, 270]
Orientation = Literal["auto", "upright"]
Split = Literal["pages", "receipts", "auto"]
Source = Literal["print", "text_layer", "code", "einvoice"]
FieldName = Literal["company", "date", "address", "total"]
FIELD_NAMES: tuple[FieldName, ...] = ("company", "date", "address", "total")
AdditionalFieldName = Literal[
    "time", "phone", "tax_id", "receipt_number",
    "subtotal", "tax", "tip", "discount", "service_charge", "rounding",
    "paid", "change", "payment_method",
]  # fmt: skip
AnyFieldName = FieldName | AdditionalFieldName
# Every other field. The order is that of columns in exports.
ADDITIONAL_FIELD_NAMES: tuple[AdditionalFieldName, ...] = (
    *("time", "phone", "tax_id", "receipt_number"),
    *("subtotal", "tax", "tip", "discount", "service_charge", "rounding"),
    *("paid", "change", "payment_method"),
)

QUAD_EXAMPLE: Quad = ((50, 82), (440, 82), (440, 121), (50, 121))


class Contract(BaseModel):
    """Base of all contracts. Unknown keys are rejected, so that a misspelled one is noticed.

    Errors do not repeat the input, because text of receipts must not be logged.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

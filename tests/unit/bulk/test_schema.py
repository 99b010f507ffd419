"""The columns of the output follow from the contracts, and hold any receipt."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest

from bulk.schema import RECEIPT_COLUMNS, build_schema, to_arrow
from shared.contracts import Check, Item, Quad, Receipt, SubItem
from tests.support.receipts import RECEIPT


def test_columns_are_documented(repository: Path) -> None:
    text = (repository / "docs" / "bulk.md").read_text()
    assert [name for name in build_schema().names if f"| `{name}` |" not in text] == []


def test_holds_every_part_of_a_receipt() -> None:
    part = RECEIPT.fields.company
    item = Item(description=part, sub_items=[SubItem(description=part)])
    receipt = RECEIPT.model_copy(update={"items": [item], "checks": [Check(name="tax_rates", holds=False)]})
    values = receipt.model_dump(include=set(RECEIPT_COLUMNS))
    row = {"source": "/1.jpg", "needs_review": False, "review": [], **values}
    (found,) = pa.Table.from_pylist([row], build_schema()).to_pylist()
    read = {name: found[name] for name in RECEIPT_COLUMNS if found[name] is not None}
    again = Receipt.model_validate({**read, "timings_ms": receipt.timings_ms})
    assert again.model_dump(include=set(RECEIPT_COLUMNS)) == values


def test_knows_the_types_of_contracts() -> None:
    assert to_arrow(str | None) == pa.string()
    assert to_arrow(Literal[0, 90, 180, 270]) == pa.int64()
    assert to_arrow(list[Quad]) == pa.list_(pa.list_(pa.list_(pa.float64())))
    assert to_arrow(dict[str, int]) == pa.map_(pa.string(), pa.int64())
    with pytest.raises(TypeError, match="no column type"):
        to_arrow(complex)

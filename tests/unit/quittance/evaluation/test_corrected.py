"""Exporting corrected receipts as a data set."""

from __future__ import annotations

import asyncio
import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.caller import NO_OWNER
from gateway.corrections.store import CorrectionStore
from gateway.storage.database.sqlite import SqliteDatabase
from quittance.evaluation.corrected import export_corrected
from services.extractor.training.labeling.fields import label
from shared.contracts import FIELD_NAMES, FieldCorrection, ItemsCorrection, Receipt
from shared.learning.dataset import load_split
from shared.learning.labels import DatasetError
from tests.support.command_line import run_command
from tests.support.itemized_receipt import ITEMIZED_RECEIPT

SIZE = (619, 1207)


def picture(shade: int, kind: str = "PNG", size: tuple[int, int] = SIZE, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = Image.new("RGB", size, (shade, shade, shade))
    image.paste((255, 0, 0), (0, 0, 20, 20))
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def receipt(data: bytes, **changes: Any) -> Receipt:
    key = hashlib.sha256(data).hexdigest()[:32]
    return Receipt.model_validate(RECEIPT_EXAMPLE | {"id": key} | changes)


def correct(state: Path, one: Receipt, *, owner: str = NO_OWNER, **values: str | None) -> None:
    changes: dict[str, FieldCorrection | ItemsCorrection] = {}
    for name, value in values.items():
        model = one.fields.get(name)
        changes[name] = FieldCorrection(value=value, model_value=model.value if model else None, at=datetime.now(UTC))
    asyncio.run(CorrectionStore(SqliteDatabase(state)).put(one, changes, owner=owner))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    return folder


def test_writes_a_data_set(tmp_path: Path, pictures: Path) -> None:
    for shade in range(3):
        data = picture(200 + shade)
        (pictures / "deep" / f"any name {shade}.png").write_bytes(data)
        correct(tmp_path / "state", receipt(data), company="BOOK TALK (TAMAN DAYA) SDN BHD", total=None)
    (pictures / "another.png").write_bytes(picture(9))
    result = export_corrected(SqliteDatabase(tmp_path / "state"), pictures, tmp_path / "data", min_confidence=0.8)
    assert (len(result.written), result.left_out) == (3, {})
    train, validation = load_split(tmp_path / "data", "train"), load_split(tmp_path / "data", "validation")
    assert (len(train) + len(validation), bool(train), bool(validation)) == (3, True, True)
    one = train[0]
    assert one.entities == {
        "company": "BOOK TALK (TAMAN DAYA) SDN BHD",
        "date": "25/12/2018",
        "address": RECEIPT_EXAMPLE["fields"]["address"]["value"],
        "total": "",
    }
    # The corrected name is in the segment too, where training looks for it.
    assert [segment.text for segment in one.segments][:2] == [
        one.entities["company"],
        "NO.53 55,57 & 59, JALAN SAGU 18,",
    ]
    assert one.segments[0].quad.tolist() == RECEIPT_EXAMPLE["lines"][0]["quad"]
    assert one.read_image().shape == (SIZE[1], SIZE[0], 3)
    marked = ["".join(np.array(list(part.text))[part.labels == 1]) for part in label(one)]
    assert one.entities["company"] in marked


def test_writes_a_rotated_picture_upright(tmp_path: Path, pictures: Path) -> None:
    data = picture(255, size=(400, 300))
    (pictures / "rotated.png").write_bytes(data)
    quad = [[380, 20], [380, 120], [360, 120], [360, 20]]  # reads downwards, at the right edge
    field = RECEIPT_EXAMPLE["fields"]["company"] | {"quad": quad}
    one = receipt(
        data,
        pages=[{"width": 400, "height": 300, "rotation": 90}],
        lines=[{"quad": quad, "text": "SHOP", "confidence": 0.9}],
        fields={"company": field},
    )
    correct(tmp_path / "state", one, company="SHOP")
    export_corrected(SqliteDatabase(tmp_path / "state"), pictures, tmp_path / "data", min_confidence=0.8)
    (read,) = load_split(tmp_path / "data", "train")
    assert read.read_image().shape[:2] == (400, 300)
    assert read.segments[0].quad.tolist() == [[20, 20], [120, 20], [120, 40], [20, 40]]
    assert (
        read.read_image()[390, 10].tolist() != read.read_image()[10, 10].tolist()
    )  # the red corner moved to the bottom left
    assert read.read_image()[390, 10][2] > 200 > read.read_image()[390, 10][0]


def test_applies_the_exif_orientation(tmp_path: Path, pictures: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = picture(255, "JPEG", size=(300, 200), exif=exif)
    (pictures / "phone.jpg").write_bytes(data)
    one = receipt(data, pages=[{"width": 200, "height": 300, "rotation": 0}], lines=[], fields={})
    correct(tmp_path / "state", one, company="SHOP")
    export_corrected(SqliteDatabase(tmp_path / "state"), pictures, tmp_path / "data", min_confidence=0.8)
    assert load_split(tmp_path / "data", "train")[0].read_image().shape[:2] == (300, 200)


def test_reports_receipts_that_are_left_out(tmp_path: Path, pictures: Path) -> None:
    gone, pages, unsure = picture(1), picture(2), picture(3)
    (pictures / "pages.png").write_bytes(pages)
    (pictures / "unsure.png").write_bytes(unsure)
    state = tmp_path / "state"
    correct(state, receipt(gone), company="A", address="B")
    correct(state, receipt(pages, pages=RECEIPT_EXAMPLE["pages"] * 2), company="B")
    correct(state, receipt(unsure), company="C")
    options = ["corrections", "export", tmp_path / "data", "--pictures", pictures, "--state", state]
    result = run_command(*options, "--least", "0.95")
    assert result.exit_code == 1
    reasons = dict(line.split(": ", 1) for line in result.stderr.splitlines() if ": " in line)
    assert "its picture is not in" in reasons[receipt(gone).id]
    assert "it has 2 pages" in reasons[receipt(pages).id]
    assert "the address is uncorrected, with a confidence of only 93%" in reasons[receipt(unsure).id]
    assert "Wrote 0 receipts to" in result.stderr


def test_rejects_a_gateway_without_corrections(tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(DatasetError, match="There are no corrections"):
        export_corrected(SqliteDatabase(tmp_path / "state"), pictures, tmp_path / "data", min_confidence=0.5)


def test_rejects_a_missing_folder_of_pictures(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not a folder"):
        export_corrected(SqliteDatabase(tmp_path / "state"), tmp_path / "absent", tmp_path / "data", min_confidence=0.5)


def test_rejects_a_target_that_is_not_empty(tmp_path: Path, pictures: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "split.json").write_text("{}")
    with pytest.raises(DatasetError, match="is not empty"):
        export_corrected(SqliteDatabase(tmp_path / "state"), pictures, tmp_path / "data", min_confidence=0.5)


def test_a_receipt_that_groups_correct_differently_needs_a_group(tmp_path: Path, pictures: Path) -> None:
    data = picture(255)
    (pictures / "a.png").write_bytes(data)
    for group in ("left", "right"):
        correct(tmp_path / "state", receipt(data), owner=group, company=f"{group} SHOP")
    result = export_corrected(SqliteDatabase(tmp_path / "state"), pictures, tmp_path / "all", min_confidence=0)
    assert (result.written, list(result.left_out)) == ([], [receipt(data).id])
    result = export_corrected(
        SqliteDatabase(tmp_path / "state"), pictures, tmp_path / "one", min_confidence=0, group="left"
    )
    assert (len(result.written), result.left_out) == (1, {})


def test_writes_all_fields_and_items(tmp_path: Path, pictures: Path) -> None:
    data = picture(77)
    (pictures / "one.png").write_bytes(data)
    one = Receipt.model_validate(ITEMIZED_RECEIPT | {"id": hashlib.sha256(data).hexdigest()[:32], "corrections": None})
    correct(tmp_path / "state", one, company="BOOK SHOP", subtotal="12.50", phone=None)
    export_corrected(SqliteDatabase(tmp_path / "state"), pictures, tmp_path / "data", min_confidence=0.8)
    (read,) = load_split(tmp_path / "data", "all")
    assert read.details["subtotal"] == ("12.50",)
    assert read.details["time"] == ("8:13 PM",)
    assert read.details["card"] == ("20.00",)  # what was paid, by the method
    assert "phone" not in read.details
    assert read.items is not None
    assert read.items[0] == {
        "item_description": ("TEH TARIK",),
        "item_quantity": ("2",),
        "item_unit_price": ("4.00",),
        "item_amount": ("8.00",),
        "sub_description": ("+EXTRA MILK",),
        "sub_amount": ("0.50",),
    }


def test_leaves_out_what_is_neither_corrected_nor_sure(tmp_path: Path, pictures: Path) -> None:
    data = picture(78)
    (pictures / "one.png").write_bytes(data)
    one = Receipt.model_validate(ITEMIZED_RECEIPT | {"id": hashlib.sha256(data).hexdigest()[:32], "corrections": None})
    values = {name: field.value for name, field in one.fields if field is not None and name in FIELD_NAMES}
    correct(tmp_path / "state", one, tax="0.78", **values)
    export_corrected(SqliteDatabase(tmp_path / "state"), pictures, tmp_path / "data", min_confidence=0.95)
    (read,) = load_split(tmp_path / "data", "all")
    assert (dict(read.details), read.items) == ({"tax": ("0.78",)}, None)

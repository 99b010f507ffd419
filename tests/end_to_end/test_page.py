"""The web page in a real browser, with the real models: reading, viewing, correcting, exporting."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, expect

from gateway.export_tables import COLUMNS
from tests.support.browser import File, Visit
from tests.support.itemized_receipt import ITEMIZED_RECEIPT

SAMPLES = ("malaysia.jpg", "france.png", "united-states.webp")


@pytest.fixture(scope="module")
def pictures(repository: Path) -> list[File]:
    return [File.from_path(repository / "tests" / "samples" / name) for name in SAMPLES]


@pytest.fixture(scope="module")
def document(repository: Path) -> File:
    """A PDF of two pages, each a receipt."""
    pages = [Image.open(repository / "tests" / "samples" / name).convert("RGB") for name in SAMPLES[:2]]
    out = io.BytesIO()
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:], resolution=120)
    return File("two pages.pdf", out.getvalue(), "application/pdf")


def test_reads_shows_corrects_stores_and_exports_receipts(
    visit: Visit, pictures: list[File], document: File, tmp_path: Path
) -> None:
    page = visit.page
    visit.drop(*pictures, document)
    visit.wait_until_read(4)
    expect(visit.rows().locator(".row-file")).to_have_text([*SAMPLES, "two pages.pdf"])
    expect(visit.rows(".done .thumb img")).to_have_count(4)

    visit.rows().first.click()
    expect(visit.field("company").locator(".value")).to_have_text("BENGKEL CEMERLANG")
    expect(visit.field("date").locator(".normalized")).to_have_text("2021-08-16")
    expect(visit.field("total").locator(".normalized")).to_have_text("60.55 MYR")
    receipt = next(record["receipt"] for record in visit.read_records() if record["name"] == "malaysia.jpg")
    expect(page.locator(".segment")).to_have_count(len(receipt["lines"]))
    expect(page.locator(".segment.total")).to_have_count(len(receipt["fields"]["total"]["lines"]))

    visit.field("company").locator(".edit").click()
    page.locator("#edit-company").fill("=Bengkel & Sons")
    page.keyboard.press("Enter")
    expect(visit.field("company").locator(".value")).to_have_text("=Bengkel & Sons")
    expect(visit.field("company")).to_contain_text("originally “BENGKEL CEMERLANG”")

    visit.reload()
    expect(visit.rows(".done")).to_have_count(4)
    expect(visit.rows().first).to_contain_text("=Bengkel & Sons")
    expect(page.locator(".segment")).to_have_count(len(receipt["lines"]))

    rows = list(csv.DictReader(io.StringIO(export(visit, "csv", tmp_path).decode("utf-8-sig"))))
    assert [row["file"] for row in rows] == [*SAMPLES, "two pages.pdf"]
    assert rows[0]["company"] == "'=Bengkel & Sons"  # not a formula
    assert (rows[0]["date"], rows[0]["total"], rows[0]["currency"]) == ("2021-08-16", "60.55", "MYR")
    assert (rows[0]["company_corrected"], rows[1]["company_corrected"]) == ("person", "")
    assert export(visit, "items-csv", tmp_path).decode("utf-8-sig").startswith("file,page,id,item,sub_item,")
    exported = json.loads(export(visit, "json", tmp_path))
    assert exported[0]["corrections"]["fields"]["company"]["value"] == "=Bengkel & Sons"
    assert exported[0]["fields"]["company"]["value"] == "BENGKEL CEMERLANG"


def export(visit: Visit, kind: str, folder: Path) -> bytes:
    visit.page.locator("#export-menu summary").click()
    with visit.page.expect_download() as download:
        visit.page.locator(f"[data-export={kind}]").click()
    download.value.save_as(folder / f"receipts.{kind}")
    return (folder / f"receipts.{kind}").read_bytes()


def test_shows_additional_fields_items_and_failing_checks(visit: Visit, pictures: list[File], tmp_path: Path) -> None:
    page = visit.page
    page.route("**/v1/receipts", lambda route: route.fulfill(json=ITEMIZED_RECEIPT))
    page.route("**/v1/jobs", lambda route: route.abort())
    visit.drop(pictures[0])
    visit.wait_until_read(1)
    expect(page.locator(".checks li")).to_have_text(["Items add up to 12.50, but the subtotal says 13.00."])
    items = page.get_by_role("table", name="Items")
    expect(items.get_by_role("columnheader")).to_have_text(["Description", "Quantity", "Unit price", "Amount"])
    expect(items.get_by_role("rowheader")).to_have_text(["TEH TARIK", "+EXTRA MILK", "RICE"])
    expect(page.locator("[data-additional=receipt_number]")).to_contain_text("=R-17")
    expect(page.locator("[data-additional=tip]")).to_have_count(0)
    (row,) = csv.DictReader(io.StringIO(export(visit, "csv", tmp_path).decode("utf-8-sig")))
    assert tuple(row) == COLUMNS
    assert (row["time"], row["subtotal"], row["tip"], row["payment_method"]) == ("20:13", "13.00", "", "card")
    assert (row["receipt_number"], row["rounding"], row["failed_checks"]) == ("'=R-17", "-0.03", "items_to_subtotal")


def test_shows_every_page_of_a_document(visit: Visit, document: File) -> None:
    visit.drop(document)
    visit.wait_until_read(1)
    picture = visit.page.locator(".sheet img")
    expect(picture).to_have_js_property("naturalWidth", 732)  # 439 pixels at 120 dpi, rendered at 200 dpi
    first_count = visit.page.locator(".segment").count()
    visit.page.get_by_role("button", name="Next page").click()
    expect(visit.page.get_by_text("Page 2 of 2")).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 640)
    lines = visit.read_records()[0]["receipt"]["lines"]
    assert first_count == sum(line["page"] == 0 for line in lines) > 0
    expect(visit.page.locator(".segment")).to_have_count(len(lines) - first_count)


def test_reports_unreadable_files_and_reads_the_others(visit: Visit, pictures: list[File]) -> None:
    damaged = File("damaged.jpg", pictures[0].data[:4000], "image/jpeg")
    visit.drop(damaged, File("notes.txt", b"not a picture", "text/plain"), pictures[1])
    visit.wait_until_read(1)
    expect(visit.rows(".failed")).to_have_count(2)
    problem = visit.page.locator(".problem")
    visit.rows(".failed").first.click()
    expect(problem.locator("h3")).to_contain_text("damaged")
    expect(problem.locator("p").first).to_contain_text("JPEG")
    visit.rows(".failed").nth(1).click()
    expect(problem.locator("h3")).to_contain_text("not supported")
    expect(problem.get_by_role("button", name="Read again")).to_be_visible()


def test_fields_and_segments_highlight_each_other(visit: Visit, pictures: list[File]) -> None:
    page = visit.page
    visit.drop(pictures[0])
    visit.wait_until_read(1)
    visit.field("total").hover()
    expect(page.locator(".stage")).to_have_attribute("data-highlight", "total")
    page.locator(".segment.date").first.hover()
    expect(visit.field("date")).to_have_class("field date highlighted")
    expect(page.locator(".caption")).to_contain_text("16-08-2021")
    page.locator(".segment.date").first.click()
    expect(visit.field("date").locator(".edit")).to_be_focused()


def test_corrects_a_field_by_selecting_text_in_the_picture(visit: Visit, pictures: list[File]) -> None:
    page = visit.page
    visit.drop(pictures[0])
    visit.wait_until_read(1)
    lines = visit.read_records()[0]["receipt"]["lines"]
    goods = next(index for index, line in enumerate(lines) if line["text"] == "57.12")
    visit.field("total").locator(".edit").click()
    page.locator(f'.segment[data-index="{goods}"]').click()
    expect(page.locator("#edit-total")).to_have_value("57.12")
    page.get_by_role("button", name="Save").click()
    expect(visit.field("total").locator(".normalized")).to_have_text("57.12 MYR")
    expect(page.locator(".segment.total")).to_have_attribute("data-index", str(goods))
    visit.field("total").get_by_role("button", name="Undo").click()
    expect(visit.field("total").locator(".value")).to_have_text("60.55")


def test_zooms_and_pans(visit: Visit, pictures: list[File]) -> None:
    page = visit.page
    visit.drop(pictures[0])
    visit.wait_until_read(1)
    stage, zoom = page.locator(".stage"), page.locator(".zoom")
    fitted = zoom.text_content() or ""
    box = stage.bounding_box()
    assert box is not None
    center_x, center_y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(center_x, center_y)
    page.mouse.wheel(0, -300)
    expect(zoom).not_to_have_text(fitted)
    before = page.locator(".sheet").bounding_box()
    page.mouse.down()
    page.mouse.move(center_x + 40, center_y + 30, steps=4)
    page.mouse.up()
    after = page.locator(".sheet").bounding_box()
    assert before is not None
    assert after is not None
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((40, 30), abs=2)
    expect(page.locator(".field.highlighted, .field.editing")).to_have_count(0)  # dragging selects nothing
    page.get_by_role("button", name="Fit the page").click()
    expect(zoom).to_have_text(fitted)
    page.get_by_role("button", name="Zoom in").click()
    expect(zoom).not_to_have_text(fitted)
    stage.focus()
    page.keyboard.press("0")
    expect(zoom).to_have_text(fitted)


def test_works_with_the_keyboard_alone(visit: Visit, pictures: list[File]) -> None:
    page = visit.page
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("o")
    chooser.value.set_files([FilePayload(name=file.name, mimeType=file.type, buffer=file.data) for file in pictures])
    visit.wait_until_read(3)
    opened = page.locator(".row[aria-current] .row-file")
    expect(opened).to_have_text("malaysia.jpg")
    page.keyboard.press("j")
    expect(opened).to_have_text("france.png")
    page.keyboard.press("ArrowDown")
    expect(opened).to_have_text("united-states.webp")
    page.keyboard.press("k")
    page.keyboard.press("ArrowUp")
    expect(opened).to_have_text("malaysia.jpg")

    page.keyboard.press("1")
    expect(page.locator("#edit-company")).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("jk? Sdn Bhd")  # shortcuts do nothing in a text field
    page.keyboard.press("Escape")
    expect(visit.field("company").locator(".value")).to_have_text("BENGKEL CEMERLANG")

    page.keyboard.press("3")
    page.keyboard.press("Control+Space")  # to the picture
    expect(page.locator('.segment[aria-checked="true"]').first).to_be_focused()
    before = page.locator("#edit-address").input_value()
    page.keyboard.press("Space")
    expect(page.locator("#edit-address")).not_to_have_value(before)
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Control+Space")
    page.locator("#edit-address").focus()
    page.keyboard.press("Enter")
    expect(visit.field("address")).to_contain_text("Confirmed by you")

    page.keyboard.press("a")
    expect(visit.rows().first).to_contain_text("Reviewed")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("corner")
    expect(visit.rows()).to_have_count(1)

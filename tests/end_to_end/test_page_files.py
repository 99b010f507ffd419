"""Files that are more than one picture, on the web page: zips and documents. Stand-ins for the models read fast."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from benchmarks.processes import Process
from tests.support.browser import File, Visit
from tests.support.deployment import Site


@pytest.fixture(scope="module")
def embedded(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A gateway in front of stand-ins."""
    site = Site(repository, tmp_path_factory.mktemp("site"))
    try:
        yield site.start_gateway("gateway", site.start_itemized_stages())
    finally:
        site.stop_all()


def draw_picture(width: int, kind: str = "PNG") -> bytes:
    """Draw a picture; its width becomes its total."""
    out = io.BytesIO()
    Image.new("RGB", (width, 620), "white").save(out, kind)
    return out.getvalue()


def test_reads_the_files_in_a_zip(visit: Visit) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("trip/a.webp", draw_picture(300, "WEBP"))
        opened.writestr(zipfile.ZipInfo("b.png"), draw_picture(310))  # stored, not deflated
        opened.writestr("c.png", draw_picture(300))
        opened.writestr("__MACOSX/trip/._a.webp", b"clutter")
    data = archive.getvalue()
    visit.drop(File("receipts.zip", data), File("cut.zip", data[:-40]))
    expect(visit.page.locator("#toast")).to_have_text("cut.zip cannot be unpacked: it is damaged.")
    visit.wait_until_read(3)
    expect(visit.rows().locator(".row-file")).to_have_text(["a.webp", "b.png", "c.png"])
    expect(visit.page.locator("#totals")).to_have_text("3 receipts: 910.00 MYR")
    expect(visit.page.locator(".stage img")).to_be_visible()


def test_asks_whether_to_split_a_document(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    visit.drop(draw_document("scan.tif", 300, 320))
    visit.wait_until_read(1)
    expect(page.locator(".summary")).to_contain_text("Needs review: several receipts")
    page.get_by_role("button", name="Separate the receipts").click()  # both pages have the same number
    expect(page.locator("#toast")).to_have_text("The pages continue each other: they are one receipt.")
    split = page.get_by_role("button", name="One per page")
    split.click()
    page.get_by_role("button", name="Undo").click()
    expect(visit.rows().locator(".row-file")).to_have_text(["scan.tif"])
    split.click()
    expect(visit.rows().locator(".row-file")).to_have_text(["page 1 of scan.tif", "page 2 of scan.tif"])
    expect(page.locator("#totals")).to_have_text("2 receipts: 620.00 MYR")
    page.keyboard.press("j")
    expect(page.locator("#detail-note")).to_have_text("scan.tif, page 2")
    expect(page.locator(".stage img")).to_have_js_property("naturalWidth", 320)
    page.locator("#export-menu summary").click()
    with page.expect_download() as download:
        page.locator("[data-export=csv]").click()
    download.value.save_as(tmp_path / "receipts.csv")
    rows = csv.DictReader(io.StringIO((tmp_path / "receipts.csv").read_text("utf-8-sig")))
    assert [(row["file"], row["page"], row["total"]) for row in rows] == [
        ("scan.tif", "1", "300.00"),
        ("scan.tif", "2", "320.00"),
    ]

    visit.drop(draw_document("other.tif", 330, 340))
    visit.wait_until_read(3)
    visit.rows().first.click()
    page.get_by_role("button", name="Keep as one").click()
    expect(page.locator(".question")).to_have_count(0)
    visit.reload()
    expect(page.locator("#totals")).to_have_text("3 receipts: 950.00 MYR")
    expect(page.locator("#detail-note")).to_have_text("other.tif")
    expect(page.locator(".question")).to_have_count(0)


def test_separates_the_receipts_in_a_picture(visit: Visit) -> None:
    page = visit.page
    visit.drop(File("table.png", draw_picture(700), "image/png"), File("other.png", draw_picture(310), "image/png"))
    visit.wait_until_read(2)
    visit.rows().first.click()
    expect(page.locator(".area-label")).to_have_text(["1", "2"])
    page.get_by_role("button", name="Keep as one").click()
    expect(page.locator(".question")).to_have_count(0)
    choose_from_menu(visit, "Separate the receipts in it")
    expect(visit.rows().locator(".row-file")).to_have_text(
        ["receipt 1 of table.png", "receipt 2 of table.png", "other.png"]
    )
    expect(page.locator("#totals")).to_have_text("3 receipts: 1,360.00 MYR")
    expect(page.locator(".area.own")).to_have_attribute("points", "0,0 350,0 350,620 0,620")
    page.locator(".area.other").click()
    expect(page.locator("#detail-note")).to_have_text("table.png, receipt 2")
    expect(page.locator(".area.own")).to_have_attribute("points", "350,0 700,0 700,620 350,620")

    visit.field("total").locator(".edit").click()
    page.locator("#edit-total").fill("351")
    page.keyboard.press("Enter")
    expect(visit.rows().nth(1)).to_contain_text("351.00")
    receipt_ids = {record["receipt"]["id"] for record in visit.read_records() if record["part"] is not None}
    for receipt_id in receipt_ids:
        page.request.delete(f"{visit.url}/v1/receipts/{receipt_id}")  # the page sends the file again
    visit.field("total").locator(".edit").click()
    page.locator("#edit-total").fill("352")
    page.keyboard.press("Enter")
    expect(visit.rows().nth(1)).to_contain_text("352.00")
    visit.drop(File("again.png", draw_picture(700), "image/png"))
    expect(page.locator("#toast")).to_contain_text("again.png is the same file as table.png")

    choose_from_menu(visit, "Read all of the file as one")
    page.locator("#toast").get_by_role("button", name="Undo").click()
    expect(visit.rows(".done")).to_have_count(3)
    visit.reload()
    expect(visit.rows(".done")).to_have_count(3)
    expect(page.locator("#detail-note")).to_have_text("table.png, receipt 2")
    expect(page.locator(".stage img")).to_be_visible()
    choose_from_menu(visit, "Read all of the file as one")
    expect(visit.rows(".done").locator(".row-file")).to_have_text(["table.png", "other.png"])


def test_does_not_ask_whether_documents_or_many_pictures_are_one_receipt(visit: Visit) -> None:
    pictures = [File(f"{width}.png", draw_picture(width), "image/png") for width in range(320, 327)]
    visit.drop(*pictures)
    expect(visit.rows()).to_have_count(7)
    expect(visit.page.locator("#batch")).to_be_hidden()
    visit.drop(*(File(f"{width}.pdf", draw_picture(width, "PDF"), "application/pdf") for width in (400, 410)))
    expect(visit.rows()).to_have_count(9)
    expect(visit.page.locator("#batch")).to_be_hidden()


def test_joins_pictures_of_one_receipt(visit: Visit) -> None:
    page = visit.page
    widths = {"IMG_2.png": 320, "IMG_10.png": 330, "IMG_1.png": 340}
    visit.drop(*(File(name, draw_picture(width), "image/png") for name, width in widths.items()))
    page.get_by_role("button", name="Join them").click()
    dialog = page.get_by_role("dialog", name="Join pictures of one receipt")
    expect(dialog.locator(".join-name")).to_have_text(["IMG_1.png", "IMG_2.png", "IMG_10.png"])
    dialog.get_by_role("button", name="Move IMG_10.png up").click()
    dialog.get_by_label("IMG_2.png", exact=True).uncheck()
    dialog.get_by_role("button", name="Join 2 pictures").click()
    visit.wait_until_read(2)
    joined = visit.rows().filter(has_text="IMG_1.png and 1 more")
    joined.click()
    picture = page.locator(".stage img")
    expect(page.get_by_text("Page 1 of 2")).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 340)
    expect(page.locator(".question")).to_have_count(0)  # they are one receipt
    page.get_by_role("button", name="Next page").click()
    expect(picture).to_have_js_property("naturalWidth", 330)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose_from_menu(visit, "Copy as curl")
    expect(page.locator("#toast")).to_contain_text("copied")
    command = page.evaluate("navigator.clipboard.readText()")
    assert command.count("--form") == 2
    assert command.endswith("/v1/receipts?merge=true'")
    choose_from_menu(visit, "Separate the pictures")
    visit.wait_until_read(3)
    visit.reload()
    expect(visit.rows(".done").locator(".row-file")).to_have_text(["IMG_2.png", "IMG_1.png", "IMG_10.png"])


def choose_from_menu(visit: Visit, label: str) -> None:
    visit.page.locator("#receipt-menu summary").click()
    visit.page.locator("#receipt-menu").get_by_role("button", name=label).click()


def draw_document(name: str, *widths: int) -> File:
    """Draw a document with a page per width."""
    pages = [Image.new("RGB", (width, 620), "white") for width in widths]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    return File(name, out.getvalue(), "image/tiff")

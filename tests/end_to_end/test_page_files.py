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
    expect(page.locator(".summary")).to_contain_text("Needs review: pages")
    split = page.get_by_role("button", name="Split into 2 receipts")
    split.click()
    page.get_by_role("button", name="Undo").click()
    expect(visit.rows().locator(".row-file")).to_have_text(["scan.tif"])
    split.click()
    expect(visit.rows().locator(".row-file")).to_have_text(["scan.tif, page 1", "scan.tif, page 2"])
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


def draw_document(name: str, *widths: int) -> File:
    """Draw a document with a page per width."""
    pages = [Image.new("RGB", (width, 620), "white") for width in widths]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    return File(name, out.getvalue(), "image/tiff")

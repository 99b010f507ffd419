"""Correcting additional fields and items on the web page. Stand-ins for the models read fast."""

from __future__ import annotations

import io
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


def test_corrects_items_and_additional_fields(visit: Visit) -> None:
    page = visit.page
    out = io.BytesIO()
    Image.new("RGB", (300, 640), "white").save(out, "PNG")
    visit.drop(File("a.png", out.getvalue(), "image/png"))
    visit.wait_until_read(1)
    expect(page.locator(".checks")).to_contain_text("Items add up to 12.50, but the subtotal says 13.00.")

    page.get_by_role("button", name="Edit items").click()
    editor = page.get_by_role("form", name="Edit items")
    amount = editor.get_by_label("Amount of TEH TARIK")
    amount.fill("abc")
    editor.get_by_role("button", name="Save").click()
    expect(editor.get_by_role("alert")).to_contain_text("The amount of item 1 is not valid: it is not a number")
    expect(amount).to_have_attribute("aria-invalid", "true")
    amount.fill("8.50")
    editor.get_by_role("button", name="Remove +EXTRA MILK").click()
    editor.get_by_role("button", name="Add item").click()
    page.keyboard.type("TEA")
    editor.get_by_label("Amount of a new item").fill("0,50")
    editor.get_by_role("button", name="Save").click()
    items = page.get_by_role("table", name="Items")
    expect(items.get_by_role("rowheader")).to_have_text(["TEH TARIK", "RICE", "TEA"])
    expect(page.locator(".checks")).not_to_contain_text("Items add up")

    page.get_by_role("button", name="Edit time").click()
    page.locator("#edit-time").fill("evening")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The time is not valid: it is not a time of day. Write it as 20:13.")
    page.locator("#edit-time").fill("9:05 PM")
    page.keyboard.press("Enter")
    expect(page.locator("[data-additional=time]")).to_contain_text("corrected")
    page.get_by_label("Add a field").select_option("tip")
    page.locator("#edit-tip").fill("1")
    page.keyboard.press("Enter")
    expect(page.locator("[data-additional=tip]")).to_contain_text("1")

    visit.reload()
    expect(items.get_by_role("rowheader")).to_have_text(["TEH TARIK", "RICE", "TEA"])
    page.get_by_role("button", name="Undo the correction of the items").click()
    expect(items.get_by_role("rowheader")).to_have_text(["TEH TARIK", "+EXTRA MILK", "RICE"])
    receipt = visit.read_records()[0]["receipt"]
    saved = page.request.get(f"{visit.url}/v1/receipts/{receipt['id']}").json()["corrections"]
    assert (saved["items"], saved["fields"]["time"]["iso"], saved["fields"]["tip"]["amount"]) == (None, "21:05", "1.00")

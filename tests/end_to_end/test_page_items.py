"""Correcting additional fields and items on the web page. Stand-ins for the models read fast."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Route, expect

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


def test_shows_no_empty_columns(visit: Visit) -> None:
    def leave_out_prices(route: Route) -> None:
        receipt = route.fetch().json()
        for item in receipt["items"]:
            item |= {"unit_price": None, "sub_items": []}
        route.fulfill(json=receipt)

    visit.page.route("**/v1/receipts", leave_out_prices)
    out = io.BytesIO()
    Image.new("RGB", (300, 642), "white").save(out, "PNG")
    visit.drop(File("a.png", out.getvalue(), "image/png"))
    visit.wait_until_read(1)
    headers = visit.page.get_by_role("table", name="Items").get_by_role("columnheader")
    expect(headers).to_have_text(["Description", "Quantity", "Amount"])


def test_corrects_tax_rows_and_what_is_said_about_the_receipt(visit: Visit) -> None:
    page = visit.page
    out = io.BytesIO()
    Image.new("RGB", (310, 640), "white").save(out, "PNG")
    visit.drop(File("a.png", out.getvalue(), "image/png"))
    visit.wait_until_read(1)

    page.get_by_role("button", name="Edit tax rates").click()
    editor = page.get_by_role("form", name="Edit tax rates")
    editor.get_by_label("Tax of tax row 1").fill("abc")
    editor.get_by_role("button", name="Add tax row").click()
    page.keyboard.type("10%")
    editor.get_by_label("Tax of tax row 2").fill("1,5")
    editor.get_by_role("button", name="Save").click()
    row = editor.get_by_role("row").filter(has=page.get_by_role("alert"))
    expect(row).to_have_text("The amount of tax row 1 is not valid: it is not a number. Write it as 1234.50.")
    expect(editor.get_by_label("Tax of tax row 1")).to_be_focused()
    editor.get_by_label("Tax of tax row 1").fill("0.99")
    editor.get_by_role("button", name="Save").click()
    table = page.get_by_role("table", name="Tax rates")
    expect(table.get_by_role("row")).to_have_text(["Rate (%)NetTax", "613.000.99", "101.50"])
    expect(page.locator(".checks")).to_contain_text("The tax should be 0.78 by its rate")

    country = page.locator("[data-additional=country]")
    expect(country).to_contain_text("Malaysia (MY)")
    enter(visit, "country", "Atlantis")
    expect(page.get_by_role("alert")).to_contain_text("The country is not valid: it is not known.")
    page.locator("#edit-country").fill("germany")
    page.keyboard.press("Enter")
    expect(country).to_contain_text("Germany (DE)")
    enter(visit, "currency", "EUR")
    expect(page.locator("#totals")).to_have_text("1 receipt: 310.00 EUR")
    page.get_by_role("button", name="Edit document type").click()
    page.locator("#edit-document_type").select_option("Invoice")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-additional=document_type]")).to_contain_text("Invoice")

    page.get_by_role("button", name="Undo the correction of the country").click()
    expect(country).to_contain_text("Malaysia (MY)")
    page.get_by_role("button", name="Undo the correction of the tax rates").click()
    expect(table.get_by_role("row")).to_have_text(["Rate (%)NetTax", "613.000.78"])
    receipt = visit.read_records()[0]["receipt"]
    saved = page.request.get(f"{visit.url}/v1/receipts/{receipt['id']}").json()["corrections"]
    assert (saved["taxes"], saved["properties"].keys()) == (None, {"currency", "document_type"})


def enter(visit: Visit, name: str, text: str) -> None:
    """Enter a value for what is said about the receipt."""
    visit.page.get_by_role("button", name=f"Edit {name}").click()
    visit.page.locator(f"#edit-{name}").fill(text)
    visit.page.keyboard.press("Enter")

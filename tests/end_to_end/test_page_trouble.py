"""The web page in trouble: hostile texts, no server, missing keys, rejected requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Request, Route, expect

from benchmarks.processes import Process
from tests.support.browser import READ_TIMEOUT_MS, File, Visit

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
SECRET = "a-key"


@pytest.fixture(scope="module")
def data(repository: Path) -> bytes:
    return (repository / "tests" / "samples" / "malaysia.jpg").read_bytes()


def test_names_and_texts_inject_no_markup(visit: Visit, data: bytes) -> None:
    def inject(route: Route) -> None:
        response = route.fetch()
        receipt = response.json()
        if not response.ok:
            route.fulfill(response=response)
            return
        found = [field for field in receipt["fields"].values() if field is not None]
        for field in found:
            field["value"] = HOSTILE
        parts = ("quantity", "unit", "unit_price", "amount", "code", "discount")
        receipt["items"] = [{"description": found[0], **dict.fromkeys(parts), "sub_items": []}]
        for line in receipt["lines"]:
            line["text"] = HOSTILE
        receipt["models"]["detector"] = HOSTILE
        route.fulfill(response=response, body=json.dumps(receipt))

    page = visit.page
    page.route("**/v1/receipts", inject)
    visit.drop(File(f"{HOSTILE}.jpg", data, "image/jpeg"), File(f"{HOSTILE}.gif", b"%!PS", "image/gif"))
    visit.wait_until_read(1)
    expect(visit.rows(".failed")).to_have_count(1)
    expect(visit.field("company").locator(".value")).to_have_text(HOSTILE)
    expect(page.locator("#detail-note")).to_have_text(f"{HOSTILE}.jpg")
    page.locator(".all-text summary").click()
    page.locator(".segment").first.hover()
    page.keyboard.press("1")
    expect(page.locator("#edit-company")).to_have_value(HOSTILE)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator(".problem")).to_be_visible()
    visit.reload()
    expect(visit.rows()).to_have_count(2)
    assert page.locator("main script, main img[src=x]").count() == 0  # `visit` also fails on dialogs


def test_waits_for_the_server(visit: Visit, data: bytes) -> None:
    with visit.disconnect():
        visit.drop(File("a.jpg", data, "image/jpeg"))
        expect(visit.page.locator("#banner")).to_contain_text("Cannot reach the server")
        expect(visit.rows(".reading")).to_have_count(1)
    visit.wait_until_read(1)
    expect(visit.page.locator("#banner")).to_be_hidden()


def test_resumes_reading_when_it_is_opened_again(visit: Visit, data: bytes) -> None:
    with visit.disconnect():
        visit.drop(*(File(f"{name}.jpg", data + name.encode(), "image/jpeg") for name in "abcd"))
        expect(visit.rows()).to_have_count(4)
        expect(visit.page.locator("#banner")).to_be_visible()
    visit.reload()
    visit.wait_until_read(4)
    expect(visit.rows().locator(".row-file")).to_have_text(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])


def test_reads_many_files_by_a_job_and_deletes_it(visit: Visit, data: bytes) -> None:
    requests: list[str] = []
    visit.page.on("request", lambda request: record_job_request(requests, request))
    visit.drop(*(File(f"{name}.jpg", data + name.encode(), "image/jpeg") for name in "abc"), File("x.jpg", b"no"))
    expect(visit.page.locator("#queue")).to_be_visible()
    visit.wait_until_read(3)
    expect(visit.rows(".failed")).to_have_count(1)
    expect(visit.page.locator("#queue")).to_be_hidden()
    visit.page.wait_for_timeout(500)  # for the last request, which the page does not show
    assert [line.split()[0] for line in requests] == ["POST", "GET", "DELETE"]
    address = requests[-1].split()[1]
    assert visit.page.request.get(address).status == 404


def record_job_request(requests: list[str], request: Request) -> None:
    if "/v1/jobs" in request.url:
        requests.append(f"{request.method} {request.url}")


def test_reads_files_separately_if_jobs_are_unavailable(visit: Visit, data: bytes) -> None:
    problem = {"title": "Jobs are unavailable", "detail": "The disk is full.", "status": 507}
    visit.page.route("**/v1/jobs", lambda route: route.fulfill(status=507, body=json.dumps(problem)))
    visit.drop(*(File(f"{name}.jpg", data + name.encode(), "image/jpeg") for name in "abc"))
    visit.wait_until_read(3)


def test_stop_fails_unread_files(visit: Visit, data: bytes) -> None:
    visit.drop(*(File(f"{name}.jpg", data + name.encode(), "image/jpeg") for name in "pqrstuvwxyz"))
    expect(visit.rows(".done").first).to_be_visible(timeout=READ_TIMEOUT_MS)
    visit.page.get_by_role("button", name="Stop").click()
    expect(visit.rows(".waiting, .reading")).to_have_count(0)
    expect(visit.rows(".failed").first).to_be_visible()
    visit.rows(".failed").first.click()
    visit.page.locator(".problem").get_by_role("button", name="Read again").click()
    expect(visit.page.locator(".field.company .value")).to_have_text("BENGKEL CEMERLANG", timeout=READ_TIMEOUT_MS)


def test_asks_for_a_key_once_and_sends_it(visit: Visit, data: bytes) -> None:
    sent: list[str] = []

    def require_key(route: Route) -> None:
        header = route.request.headers.get("authorization", "")
        sent.append(header)
        if header == f"Bearer {SECRET}":
            route.continue_(headers={k: v for k, v in route.request.headers.items() if k != "authorization"})
        else:
            route.fulfill(status=401, body=json.dumps({"title": "An API key is needed", "detail": "Send one."}))

    page = visit.page
    page.route("**/v1/**", require_key)
    visit.drop(File("a.jpg", data, "image/jpeg"), File("b.jpg", data + b"b", "image/jpeg"))
    dialog = page.get_by_role("dialog", name="API key required")
    expect(dialog).to_be_visible()
    page.locator("#key").fill("wrong")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog", name="API key not accepted")).to_be_visible()
    page.locator("#key").fill(SECRET)
    page.keyboard.press("Enter")
    visit.wait_until_read(2)
    assert sent[-1] == f"Bearer {SECRET}"
    assert page.evaluate("Object.values(localStorage).concat(location.href).join()").count(SECRET) == 0


def test_corrections_count_only_once_the_server_has_saved_them(visit: Visit, embedded: Process, data: bytes) -> None:
    page = visit.page
    visit.drop(File("a.jpg", data, "image/jpeg"))
    visit.wait_until_read(1)
    address = f"{embedded.url}/v1/receipts/{visit.read_records()[0]['receipt']['id']}"
    for name, entered, error in (
        ("date", "yesterday", "The date is not valid: it contains no date. Write it as YYYY-MM-DD."),
        ("total", "12 + 3", "The total is not valid: it contains no amount. Write it as 1234.50."),
    ):
        assert correct(visit, name, entered) == 422
        expect(page.get_by_role("alert")).to_have_text(error)
        expect(page.locator(f"#edit-{name}")).to_have_attribute("aria-invalid", "true")
    page.locator("#edit-total").fill("")
    page.get_by_role("button", name="Cancel").click()
    expect(visit.field("total").locator(".value")).to_have_text("60.55")
    # What was rejected and not discarded stays visible, but does not count.
    expect(visit.field("date").locator(".value")).to_have_text("16-08-2021")
    expect(visit.field("date")).to_contain_text("“yesterday” is not saved. The date is not valid")
    expect(page.locator(".summary")).to_contain_text("Needs review: date")
    expect(visit.rows()).to_contain_text("2021-08-16")
    expect(page.locator("#totals")).to_have_text("1 receipt: 60.55 MYR")
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_text("is not saved")).to_have_count(0)

    page.request.delete(address)  # as after a restart of the server: the page sends the picture again
    correct(visit, "date", "17-08-2021")
    expect(visit.field("date").locator(".normalized")).to_have_text("2021-08-17")

    with visit.disconnect():
        visit.field("company").locator(".edit").click()
        page.locator("#edit-company").fill("Bengkel")
        page.keyboard.press("Enter")
        expect(visit.field("company")).to_contain_text("“Bengkel” is not saved")
    visit.reload()
    expect(visit.field("company").locator(".value")).to_have_text("Bengkel")
    assert page.request.get(address).json()["corrections"]["fields"].keys() == {"company", "date"}


def test_counts_identical_files_once(visit: Visit, data: bytes) -> None:
    page = visit.page
    visit.drop(File("a.jpg", data, "image/jpeg"), File("b.jpg", data, "image/jpeg"))
    expect(page.locator("#toast")).to_have_text("b.jpg is the same file as a.jpg, which is in the list already.")
    visit.wait_until_read(1)
    visit.drop(File("a.jpg", data, "image/jpeg"))
    expect(page.locator("#toast")).to_have_text("a.jpg is in the list already.")
    forget_files(visit)
    visit.drop(File("c.jpg", data, "image/jpeg"))
    expect(page.locator("#toast")).to_have_text("c.jpg is the same file as a.jpg, which is in the list already.")
    expect(visit.rows()).to_have_count(1)
    expect(page.locator("#totals")).to_have_text("1 receipt: 60.55 MYR")
    expect(page.locator(".stage img")).to_be_visible()


def forget_files(visit: Visit) -> None:
    """Delete the pictures that the browser has stored, as it does when it needs space."""
    visit.page.evaluate(
        """() => new Promise((resolve) => {
            indexedDB.open("quittance").onsuccess = (opened) => {
                const change = opened.target.result.transaction("files", "readwrite");
                change.objectStore("files").clear();
                change.oncomplete = () => { opened.target.result.close(); resolve(); };
            };
        })"""
    )


def test_saves_corrections_on_the_server_and_undoes_them(visit: Visit, embedded: Process, data: bytes) -> None:
    visit.drop(File("a.jpg", data, "image/jpeg"))
    visit.wait_until_read(1)
    receipt = visit.read_records()[0]["receipt"]
    address = f"{embedded.url}/v1/receipts/{receipt['id']}"
    assert correct(visit, "total", "61.00") == 200
    assert correct(visit, "date", "2021-08-17") == 200
    saved: dict[str, Any] = visit.page.request.get(address).json()["corrections"]["fields"]
    assert (saved["total"]["value"], saved["total"]["amount"], saved["date"]["iso"]) == ("61.00", "61.00", "2021-08-17")
    with visit.page.expect_response(lambda response: response.request.method == "DELETE"):
        visit.field("total").get_by_role("button", name="Undo").click()
    expect(visit.field("total").locator(".value")).to_have_text("60.55")
    assert visit.page.request.get(address).json()["corrections"]["fields"].keys() == {"date"}


def correct(visit: Visit, name: str, value: str) -> int:
    """Correct a field, and return the status of the response."""
    visit.field(name).locator(".edit").click()
    visit.page.locator(f"#edit-{name}").fill(value)
    with visit.page.expect_response(lambda response: response.request.method == "PUT") as response:
        visit.page.get_by_role("button", name="Save").click()
    return response.value.status


def test_undo_opens_the_deleted_receipt_again(visit: Visit, data: bytes) -> None:
    page = visit.page
    visit.drop(File("Müller.jpg", data, "image/jpeg"), File("broken.gif", b"%!PS", "image/gif"))
    visit.wait_until_read(1)
    expect(visit.rows(".failed")).to_have_count(1)
    visit.rows(".failed").click()
    page.locator(".problem").get_by_role("button", name="Delete").click()
    expect(visit.rows()).to_have_count(1)
    expect(visit.field("company")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(visit.rows()).to_have_count(2)
    expect(page.locator(".problem")).to_be_visible()
    page.locator("#search").fill("MULLER")
    expect(visit.rows()).to_have_count(1)


def test_delete_all_deletes_here_and_on_the_server(visit: Visit, embedded: Process, data: bytes) -> None:
    page = visit.page
    visit.drop(File("a.jpg", data, "image/jpeg"))
    visit.wait_until_read(1)
    address = f"{embedded.url}/v1/receipts/{visit.read_records()[0]['receipt']['id']}"
    assert page.request.get(address).status == 200
    delete_all(visit)
    page.get_by_role("button", name="Undo").click()
    expect(visit.rows(".done")).to_have_count(1)
    assert page.request.get(address).status == 200
    delete_all(visit)
    # What can no longer be restored is deleted for good: after some seconds, or when the page is opened again.
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        visit.reload()
    assert page.request.get(address).status == 404
    assert visit.read_records() == []
    visit.reload()
    expect(page.locator(".welcome")).to_be_visible()


def delete_all(visit: Visit) -> None:
    visit.page.locator("#more-menu summary").click()
    visit.page.get_by_role("button", name="Delete all").click()
    visit.page.get_by_role("dialog").get_by_role("button", name="Delete all").click()
    expect(visit.page.locator(".welcome")).to_be_visible()


def test_reads_sample_and_pasted_picture_and_exports_workbook(visit: Visit, data: bytes, tmp_path: Path) -> None:
    page = visit.page
    page.get_by_role("button", name="try a sample receipt").click()
    visit.wait_until_read(1)
    expect(visit.field("company").locator(".value")).to_have_text("BENGKEL CEMERLANG")
    visit.paste(File("image.png", data, "image/jpeg"))
    visit.wait_until_read(2)
    page.locator("#export-menu summary").click()
    with page.expect_download() as download:
        page.locator("[data-export=xlsx]").click()
    download.value.save_as(tmp_path / "receipts.xlsx")
    assert (tmp_path / "receipts.xlsx").read_bytes()[:2] == b"PK"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#receipt-menu summary").click()
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.locator("#toast")).to_contain_text("copied")
    command = page.evaluate("navigator.clipboard.readText()")
    assert command.startswith("curl --form 'file=@\"")
    assert command.endswith("/v1/receipts'")

"""Chromium for tests of the web page: the one of the system, because tests download nothing."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from benchmarks.processes import Process

READ_TIMEOUT_MS = 90_000  # a receipt takes one or two seconds on an idle machine
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Containers have little shared memory, and root cannot use the sandbox.
_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
# Long enough for a busy machine.
expect.set_options(timeout=30_000)


@dataclass(frozen=True)
class File:
    """A file to add to the page."""

    name: str
    data: bytes
    type: str = "application/octet-stream"

    @classmethod
    def from_path(cls, path: Path) -> File:
        types = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".pdf": "application/pdf"}
        return cls(path.name, path.read_bytes(), types[path.suffix])


@dataclass
class Visit:
    """An open page, and what a user does with it.

    Attributes:
        faults: Errors of scripts, and dialogs that appeared.
    """

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def open(self, address: str = "") -> None:
        self.page.goto(f"{self.url}/{address}")
        self._wait_until_started()

    def reload(self) -> None:
        self.page.reload()
        self._wait_until_started()

    def drop(self, *files: File) -> None:
        """Drop files on the page."""
        self._transfer("drop", files)

    def paste(self, *files: File) -> None:
        """Paste files from the clipboard."""
        self._transfer("paste", files)

    def rows(self, state: str = "") -> Locator:
        return self.page.locator(f"#rows .row{state}")

    def field(self, name: str) -> Locator:
        return self.page.locator(f".field.{name}")

    def wait_until_read(self, count: int) -> None:
        expect(self.rows(".done")).to_have_count(count, timeout=READ_TIMEOUT_MS)

    @contextmanager
    def disconnect(self) -> Iterator[None]:
        """Block all API requests, as if there were no server."""
        is_blocked = True
        # The route stays, because a request that is intercepted while its route is removed would never be answered.
        self.page.route("**/v1/**", lambda route: route.abort("connectionrefused") if is_blocked else route.continue_())
        yield
        is_blocked = False

    def read_records(self) -> list[dict[str, Any]]:
        """Return the records that the page has stored in the browser."""
        records: list[dict[str, Any]] = self.page.evaluate(
            """() => new Promise((resolve) => {
                indexedDB.open("quittance").onsuccess = (opened) => {
                    const query = opened.target.result.transaction("records").objectStore("records").getAll();
                    query.onsuccess = () => { opened.target.result.close(); resolve(query.result); };
                };
            })"""
        )
        return records

    def _wait_until_started(self) -> None:
        expect(self.page.locator("body:not([data-view=starting])")).to_be_visible()

    def _transfer(self, kind: str, files: Sequence[File]) -> None:
        contents = [[file.name, file.type, base64.b64encode(file.data).decode()] for file in files]
        self.page.evaluate(
            """([kind, files]) => {
                const transfer = new DataTransfer();
                for (const [name, type, data] of files) {
                    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
                    transfer.items.add(new File([bytes], name, { type }));
                }
                const options = { bubbles: true, cancelable: true };
                if (kind === "paste") {
                    document.dispatchEvent(new ClipboardEvent(kind, { ...options, clipboardData: transfer }));
                    return;
                }
                const target = document.querySelector("main");
                for (const step of ["dragenter", "dragover", "drop"])
                    target.dispatchEvent(new DragEvent(step, { ...options, dataTransfer: transfer }));
            }""",
            [kind, contents],
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, started once per module. Without it, tests are skipped; in CI they fail."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        message = f"no Chromium: none of {', '.join(_PROGRAMS)} is installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    # Stopped with the module, because its event loop must not meet those of other tests.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without stored data."""
    context = browser.new_context(viewport=DESKTOP, accept_downloads=True, locale="en-GB")
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext, embedded: Process) -> Iterator[Visit]:
    """The page, open and empty. The test fails if a script fails or violates the content security policy."""
    visit = Visit(context.new_page(), embedded.url)
    visit.page.on("pageerror", lambda error: visit.faults.append(f"error: {error}"))
    visit.page.on("console", lambda message: _record_error(visit, message))
    visit.page.on("dialog", lambda dialog: visit.faults.append(f"dialog: {dialog.message}"))
    # Without a permanent listener, the browser may close a file chooser before it knows that a test waits for it.
    visit.page.on("filechooser", lambda _: None)
    visit.open()
    yield visit
    # Corrections apply to other receipts, so the next test needs a server without any.
    for record in visit.read_records():
        if record["receipt"]:
            context.request.delete(f"{visit.url}/v1/receipts/{record['receipt']['id']}")
    assert visit.faults == []


def _record_error(visit: Visit, message: ConsoleMessage) -> None:
    # The browser logs error responses, which some tests want.
    if message.type == "error" and "Failed to load resource" not in message.text:
        visit.faults.append(f"console: {message.text}")

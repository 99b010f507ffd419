"""Chromium for the tests of the page: that of the system, since nothing is downloaded for a test."""

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

from tests.support.deployment import Deployment

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
READ_MS = 90_000  # a second or two for a receipt on a machine with nothing else to do
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
# A container has little shared memory, and root no sandbox.
_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
expect.set_options(timeout=30_000)  # generous: for a machine with much to do


@dataclass(frozen=True)
class File:
    """A file to bring to the page."""

    name: str
    data: bytes
    type: str = "application/octet-stream"

    @classmethod
    def of(cls, path: Path, name: str | None = None) -> File:
        types = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".pdf": "application/pdf"}
        return cls(name or path.name, path.read_bytes(), types[path.suffix])


@dataclass
class Visit:
    """A page that is open, and what a person would do with it."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def open(self, address: str = "") -> None:
        self.page.goto(f"{self.url}/{address}")
        expect(self.page.locator("body:not([data-view=starting])")).to_be_visible()

    def reload(self) -> None:
        self.page.reload()
        expect(self.page.locator("body:not([data-view=starting])")).to_be_visible()

    def drop(self, *files: File) -> None:
        """Drops files on the middle of the page, as from a folder of the desktop."""
        self._bring("drop", files)

    def paste(self, *files: File) -> None:
        self._bring("paste", files)

    def rows(self, state: str = "") -> Locator:
        return self.page.locator(f"#rows .row{state}")

    def wait_until_read(self, count: int) -> None:
        expect(self.rows(".done")).to_have_count(count, timeout=READ_MS)

    def field(self, name: str) -> Locator:
        return self.page.locator(f".field.{name}")

    @contextmanager
    def server_away(self) -> Iterator[None]:
        """Lets no request of the API through, as if there were no server."""
        away = True
        # The route stays: a request that is caught while its route is taken away would never be answered.
        self.page.route("**/v1/**", lambda route: route.abort("connectionrefused") if away else route.continue_())
        yield
        away = False

    def records(self) -> list[dict[str, Any]]:
        """What the page keeps in the browser."""
        found: list[dict[str, Any]] = self.page.evaluate(
            """() => new Promise((resolve) => {
                indexedDB.open("quittance").onsuccess = (opened) => {
                    const asked = opened.target.result.transaction("records").objectStore("records").getAll();
                    asked.onsuccess = () => { opened.target.result.close(); resolve(asked.result); };
                };
            })"""
        )
        return found

    def _bring(self, kind: str, files: Sequence[File]) -> None:
        sent = [[file.name, file.type, base64.b64encode(file.data).decode()] for file in files]
        self.page.evaluate(
            """([kind, files]) => {
                const transfer = new DataTransfer();
                for (const [name, type, data] of files) {
                    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
                    transfer.items.add(new File([bytes], name, { type }));
                }
                const more = { bubbles: true, cancelable: true };
                if (kind === "paste") {
                    document.dispatchEvent(new ClipboardEvent(kind, { ...more, clipboardData: transfer }));
                    return;
                }
                const place = document.querySelector("main");
                for (const step of ["dragenter", "dragover", "drop"])
                    place.dispatchEvent(new DragEvent(step, { ...more, dataTransfer: transfer }));
            }""",
            [kind, sent],
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, started once for a file of tests; they are skipped where there is none, except in CI."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        message = f"no Chromium: none of {', '.join(NAMES)} is installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    # Ended with the file: its event loop must not meet those of other tests.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser as new: nothing kept."""
    context = browser.new_context(viewport=DESKTOP, accept_downloads=True, locale="en-GB")
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext, deployment: Deployment) -> Iterator[Visit]:
    """The page, open and empty; no script of it may fail, and nothing may offend its security policy."""
    visit = Visit(context.new_page(), deployment.embedded.url)
    visit.page.on("pageerror", lambda error: visit.faults.append(f"error: {error}"))
    visit.page.on("console", lambda message: _note(visit, message))
    visit.page.on("dialog", lambda dialog: visit.faults.append(f"dialog: {dialog.message}"))
    # Asked for only when a file is chosen, the browser may close its dialog before it knows that a test waits for it.
    visit.page.on("filechooser", lambda _: None)
    visit.open()
    yield visit
    for record in visit.records():  # corrections teach: the next test wants a server as new
        if record["receipt"]:
            context.request.delete(f"{visit.url}/v1/receipts/{record['receipt']['id']}")
    assert visit.faults == []


def _note(visit: Visit, message: ConsoleMessage) -> None:
    # Answers with an error are noted by the browser itself, and are wanted by some tests.
    if message.type == "error" and "Failed to load resource" not in message.text:
        visit.faults.append(f"console: {message.text}")

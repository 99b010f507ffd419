"""Takes the pictures of the page for the README: desktop and phone, light and dark, with the samples of the tests.

python -m benchmarks.screenshots --output docs/images
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ("malaysia.jpg", "france.png", "united-states.webp", "photo.jpg")
SIZES = {"desktop": (1360, 850), "phone": (390, 844)}
_QUALITY = 80
_START_S = 120
_READ_MS = 120_000
# A machine without a desktop has no font of its own for `system-ui`; people's machines do.
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include>/etc/fonts/fonts.conf</include>
<match target="pattern"><test name="family"><string>system-ui</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match></fontconfig>"""


def main() -> None:
    """Reads the arguments, starts a gateway and a browser, and writes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--browser", default=shutil.which("chromium") or shutil.which("google-chrome"))
    arguments = parser.parse_args()
    if arguments.browser is None:
        sys.exit("There is no Chromium; install it, or name one with --browser.")
    with tempfile.TemporaryDirectory() as folder, _gateway(Path(folder)) as url, sync_playwright() as playwright:
        fonts = Path(folder) / "fonts.conf"
        fonts.write_text(_FONTS)
        browser = playwright.chromium.launch(
            executable_path=arguments.browser,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
            env=dict(os.environ) | {"FONTCONFIG_FILE": str(fonts)},
        )
        for device in SIZES:
            for scheme in ("light", "dark"):
                target = arguments.output / f"page-{device}-{scheme}.webp"
                _picture(browser, url, device, scheme).save(target, quality=_QUALITY, method=6)
                print(f"wrote {target}, {target.stat().st_size // 1000} kB")


@contextmanager
def _gateway(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "quittance", "serve", "all", "--port", str(port)]
    environment = dict(os.environ) | {"PYTHONPATH": str(ROOT), "QUITTANCE_LOG_LEVEL": "warning"}
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        try:
            end = time.monotonic() + _START_S
            while not _ready(port):
                if process.poll() is not None or time.monotonic() > end:
                    sys.exit("The gateway did not start.")
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _picture(browser: Browser, url: str, device: str, scheme: str) -> Image.Image:
    width, height = SIZES[device]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        device_scale_factor=1.5,
        has_touch=device == "phone",
        locale="en-GB",
    )
    page = context.new_page()
    page.goto(url)
    page.set_input_files("#choose", [str(ROOT / "tests" / "samples" / name) for name in SAMPLES])
    expect(page.locator(".row.done .thumb img")).to_have_count(len(SAMPLES), timeout=_READ_MS)
    _open(page, device)
    shot = Image.open(io.BytesIO(page.screenshot()))
    context.close()
    return shot.convert("RGB")


def _open(page: Page, device: str) -> None:
    """Opens the first receipt, one field lit up on the desktop."""
    page.locator(".row").first.click()
    expect(page.locator(".segment").first).to_be_attached()
    page.mouse.move(0, 0)
    if device == "desktop":
        page.locator(".field.total").hover()
    page.wait_for_timeout(300)


if __name__ == "__main__":
    main()

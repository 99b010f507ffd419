"""Takes the screenshots of the page for the README: desktop and phone, light and dark, with the samples of the tests.

python -m benchmarks.screenshots --output docs/images
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.processes import ROOT, Deployment

SAMPLES = ("malaysia.jpg", "france.png", "united-states.webp", "photo.jpg")
SIZES = {"desktop": (1360, 850), "phone": (390, 844)}
_WEBP_QUALITY = 80
_READ_TIMEOUT_MS = 120_000
_HOVER_MS = 300
# A machine without a desktop has no font for `system-ui`.
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include>/etc/fonts/fonts.conf</include>
<match target="pattern"><test name="family"><string>system-ui</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match></fontconfig>"""


def main() -> None:
    """Read the arguments, start a gateway and a browser, and write the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--browser", default=shutil.which("chromium") or shutil.which("google-chrome"))
    arguments = parser.parse_args()
    if arguments.browser is None:
        sys.exit("Chromium is missing. Install it, or name a browser with --browser.")
    with Deployment() as deployment, sync_playwright() as playwright:
        url = deployment.start_app("all").url
        fonts = deployment.folder / "fonts.conf"
        fonts.write_text(_FONTS)
        browser = playwright.chromium.launch(
            executable_path=arguments.browser,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
            env={**os.environ, "FONTCONFIG_FILE": str(fonts)},
        )
        for device in SIZES:
            for scheme in ("light", "dark"):
                target = arguments.output / f"page-{device}-{scheme}.webp"
                _take_screenshot(browser, url, device, scheme).save(target, quality=_WEBP_QUALITY, method=6)
                print(f"Wrote {target}, {target.stat().st_size // 1000} kB")


def _take_screenshot(browser: Browser, url: str, device: str, scheme: str) -> Image.Image:
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
    expect(page.locator(".row.done .thumb img")).to_have_count(len(SAMPLES), timeout=_READ_TIMEOUT_MS)
    _open_receipt(page, device)
    shot = Image.open(io.BytesIO(page.screenshot()))
    context.close()
    return shot.convert("RGB")


def _open_receipt(page: Page, device: str) -> None:
    """Open the first receipt, with one field highlighted on the desktop."""
    page.locator(".row").first.click()
    expect(page.locator(".segment").first).to_be_attached()
    page.mouse.move(0, 0)
    if device == "desktop":
        page.locator(".field.total").hover()
    page.wait_for_timeout(_HOVER_MS)


if __name__ == "__main__":
    main()

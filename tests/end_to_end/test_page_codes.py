"""QR codes and barcodes on the web page. Stand-ins for the models read fast; the codes are read from the picture."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect

from benchmarks.processes import Process
from synthesis.codes.drawing import draw_code
from tests.support.browser import File, Visit
from tests.support.deployment import Site

# As in the Austrian ordinance, but for date, time and amounts.
RKSV = (
    "_R1-AT1_DEMO-CASH-BOX524_366587_2018-12-25T20:13:00_560,00_0,00_0,00_0,00_0,00_0oSVXqtXw+4=_6f3ac11d"
    "_HSB4k8KLF4Y=_Zn5kBtZpx1HFRZ6Rl9CIYH8Kqj7t4t3hTgJHwyTmHbBJd1pyhOKiYdu8xOxVn7M5V8rXIO5NNfDJTHB5rQbQCw=="
)


@pytest.fixture(scope="module")
def embedded(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A gateway in front of stand-ins."""
    site = Site(repository, tmp_path_factory.mktemp("site"))
    try:
        yield site.start_gateway("gateway", site.start_itemized_stages())
    finally:
        site.stop_all()


def draw_picture(width: int) -> bytes:
    """Draw a picture with two codes; its width becomes its total."""
    picture = Image.new("L", (width, 840), "white")
    picture.paste(Image.fromarray(draw_code("4006381333931", 2, kind=zxingcpp.BarcodeFormat.EAN13)), (260, 60))
    picture.paste(Image.fromarray(draw_code(RKSV, 4)), (240, 420))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def test_shows_codes_and_how_they_compare_with_the_print(visit: Visit) -> None:
    page = visit.page
    visit.drop(File("same.png", draw_picture(560), "image/png"), File("other.png", draw_picture(550), "image/png"))
    visit.wait_until_read(2)
    visit.rows().first.click()
    cards = page.locator(".code-card")
    expect(cards.locator("h4")).to_have_text(["EAN-13", "QR code of a till in Austria (RKSV)"])
    expect(cards.first).to_contain_text("4006381333931")
    expect(page.locator(".area-label")).to_have_text(["EAN-13", "QR code"])
    expect(cards.last).to_contain_text("Total560.00 EURas printed")
    expect(cards.last).to_contain_text("Date2018-12-25as printed")
    expect(cards.last).to_contain_text("Receipt number366587printed: =R-17")
    expect(visit.field("total")).to_contain_text("Confirmed by the code on the receipt")
    cards.last.hover()
    expect(page.locator(".area.code.highlighted")).to_have_attribute("data-key", "code-1")

    page.keyboard.press("j")
    expect(page.locator("#detail-note")).to_have_text("other.png")
    expect(cards.last).to_contain_text("Total560.00 EURprinted: 550.00")
    expect(page.locator(".checks")).to_contain_text("The code on the receipt says 560.00, but the total says 550.00.")
    visit.field("total").locator(".edit").click()
    page.locator("#edit-total").fill("560")
    page.keyboard.press("Enter")
    expect(page.locator(".checks")).not_to_contain_text("The code on the receipt")
    expect(cards.last).to_contain_text("Total560.00 EURas printed")

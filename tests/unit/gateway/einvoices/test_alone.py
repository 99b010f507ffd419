"""Invoices in XML without a document."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.documents.limits import DocumentLimits
from gateway.documents.renderer import Renderer
from gateway.documents.rendering import RenderOptions
from gateway.einvoices.alone import read_alone, render_einvoice
from shared.pictures.decoding import decode_picture
from shared.pictures.header import PictureLimits, identify_format
from shared.problems import ProblemError
from tests.support.einvoices import build_line, write_einvoice


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (write_einvoice("cii"), "XML invoice"),
        (b"\xef\xbb\xbf\n" + write_einvoice("ubl"), "XML invoice"),
        (write_einvoice("ubl", BT_3="381"), "XML invoice"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2", None),
    ],
)
def test_tells_invoices_from_other_xml(data: bytes, name: str | None) -> None:
    assert identify_format(data) == name


def test_draws_what_it_says_on_pages() -> None:
    lines = [build_line(number, "Printer paper", 1, "C62", 0.5, 0.5) for number in range(38)]
    values = read_alone(write_einvoice(BG_25=lines))
    pages = list(render_einvoice(values, RenderOptions(DocumentLimits())))
    assert [page.size for page in pages] == [(1240, 1754)] * 3
    assert all((np.asarray(page.image) < 128).sum() > 500 for page in pages)
    (second,) = render_einvoice(values, RenderOptions(DocumentLimits(), only=1))
    assert np.array_equal(np.asarray(second.image.convert("L")), np.asarray(pages[1].image))


@pytest.mark.parametrize("damage", [b"<!DOCTYPE a>", b"<unclosed>"])
def test_reports_what_cannot_be_read(damage: bytes) -> None:
    head, tag, rest = write_einvoice().partition(b"<rsm:CrossIndustryInvoice")
    with pytest.raises(ProblemError) as caught:
        read_alone(head + damage + tag + rest)
    assert (caught.value.status, caught.value.code) == (422, "einvoice-unreadable")


async def test_is_a_page_with_an_invoice() -> None:
    renderer = Renderer(DocumentLimits(), timeout_s=60, max_processes=1)
    try:
        (page,) = await renderer.render_pages(write_einvoice("ubl"))
        shown, media_type = await renderer.show_page(write_einvoice("ubl"), 0)
    finally:
        await renderer.aclose()
    assert page.einvoice is not None
    assert (page.einvoice.syntax, page.einvoice.total, page.media_type) == ("ubl", "22.61", "image/png")
    assert media_type == "image/webp"
    assert decode_picture(shown, PictureLimits()).full_size == (1240, 1754)

"""Corrections with the weights of the repository: they apply to other receipts of the merchant."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from shared.contracts import Receipt
from tests.support.deployment import Deployment

NAME = "Bengkel Cemerlang (Taught)"


@pytest.fixture
def pictures(repository: Path) -> list[bytes]:
    """A receipt, and the same picture in another format, which stands in for the merchant's next receipt."""
    first = (repository / "tests" / "samples" / "malaysia.jpg").read_bytes()
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(first)) as image:
        image.save(buffer, "PNG")
    return [first, buffer.getvalue()]


@pytest.fixture
def corrected(gateway: httpx2.Client, pictures: list[bytes]) -> Iterator[dict[str, Any]]:
    """The first receipt, corrected. The corrections are deleted afterwards, because the gateways share them."""
    receipt = post(gateway, pictures[0])
    url = f"/v1/receipts/{receipt['id']}/corrections"
    changes = {"company": {"value": NAME, "lines": [0]}, "date": {"value": "17/08/2021"}, "total": None}
    response = gateway.put(url, json={"fields": changes, "author": "Ana"})
    assert response.status_code == 200, response.text
    yield receipt
    assert gateway.delete(url).status_code == 204


def post(client: httpx2.Client, data: bytes) -> dict[str, Any]:
    response = client.post("/v1/receipts", files={"file": ("receipt", data)})
    assert response.status_code == 200, response.text
    receipt: dict[str, Any] = response.json()
    return receipt


def test_correction_is_returned_and_applies_to_other_receipts(
    gateway: httpx2.Client, corrected: dict[str, Any], pictures: list[bytes]
) -> None:
    stored = Receipt.model_validate(gateway.get(f"/v1/receipts/{corrected['id']}").json())
    assert stored.corrections is not None
    company, date, total = (stored.corrections.fields[name] for name in ("company", "date", "total"))
    assert (company.value, company.model_value) == (NAME, corrected["fields"]["company"]["value"])
    assert (date.iso, date.author) == ("2021-08-17", "Ana")
    assert (total.value, total.model_value) == (None, corrected["fields"]["total"]["value"])
    assert stored.fields.model_dump(mode="json") == corrected["fields"]

    another = post(gateway, pictures[1])
    assert another["id"] != corrected["id"]
    assert (another["fields"]["company"]["value"], another["fields"]["company"]["corrected"]) == (NAME, True)
    assert another["fields"]["company"]["lines"]
    assert another["corrections"] is None


def test_correction_applies_in_other_gateways_and_after_restarts(
    deployment: Deployment, corrected: dict[str, Any], pictures: list[bytes]
) -> None:
    deployment.extractor.stop()
    deployment.extractor.start()
    other = deployment.start_gateway("other")
    try:
        with httpx2.Client(base_url=other.url, timeout=60) as client:
            assert post(client, pictures[1])["fields"]["company"]["value"] == NAME
            assert post(client, pictures[0])["corrections"]["fields"]["company"]["value"] == NAME
    finally:
        other.stop()


def test_correction_of_a_deleted_receipt_no_longer_applies(gateway: httpx2.Client, pictures: list[bytes]) -> None:
    receipt = post(gateway, pictures[0])
    url = f"/v1/receipts/{receipt['id']}"
    gateway.put(f"{url}/corrections", json={"fields": {"company": {"value": NAME}}})
    assert post(gateway, pictures[1])["fields"]["company"]["value"] == NAME
    assert gateway.delete(url).status_code == 204
    assert post(gateway, pictures[1])["fields"]["company"]["value"] == receipt["fields"]["company"]["value"]

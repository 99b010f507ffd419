"""Parameters that would have no effect are not ignored."""

from __future__ import annotations

import pytest

from tests.support.gateway import Gateway, assert_problem, make_picture


@pytest.mark.parametrize(
    ("method", "path", "detail"),
    [
        ("POST", "/v1/receipts?splitt=auto", "Did you mean `split`? The parameters of this URL are: `orientation`"),
        ("POST", "/v1/jobs?orientaton=upright", "Did you mean `orientation`?"),
        ("POST", "/v1/pages?number=2", "The parameters of this URL are: `page`."),
        ("GET", f"/v1/receipts/{'0' * 32}?format=csv", "The parameters of this URL are: `orientation`."),
        ("DELETE", f"/v1/receipts/{'0' * 32}?force=1", "This URL takes no parameters."),
        ("DELETE", f"/v1/receipts/{'0' * 32}/corrections?names=total", "Did you mean `name`?"),
        ("POST", "/v1/exports?format=csv", "This URL takes no parameters."),
    ],
)
async def test_rejects_unknown_parameters(gateway: Gateway, method: str, path: str, detail: str) -> None:
    response = await gateway.http.request(method, path)
    assert_problem(response, 422, "unknown-parameter")
    assert detail in response.json()["detail"]


async def test_an_unknown_parameter_is_shortened_and_escaped(gateway: Gateway) -> None:
    response = await gateway.http.get(f"/v1/jobs/{'0' * 32}", params={"<b>" + "x" * 500: "1"})
    assert response.json()["parameter"] == "%3Cb%3E" + "x" * 37


@pytest.mark.parametrize("path", ["/v1/receipts", "/v1/pages"])
async def test_rejects_parameters_in_the_form(gateway: Gateway, path: str) -> None:
    name = "page" if path == "/v1/pages" else "split"
    files = {"file": ("r.png", make_picture(), "image/png")}
    response = await gateway.http.post(path, files=files, data={name: "1"})
    assert_problem(response, 422, "misplaced-parameter")
    assert f"Send it in the URL: {path}?{name}=" in response.json()["detail"]
    assert gateway.detector.requests == []


async def test_other_fields_of_a_form_are_allowed(gateway: Gateway) -> None:
    files = {"file": ("r.png", make_picture(), "image/png")}
    assert (await gateway.http.post("/v1/receipts", files=files, data={"note": "lunch"})).status_code == 200

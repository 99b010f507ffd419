"""The files of the web page, without a browser."""

from __future__ import annotations

import posixpath
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from gateway.api.site import build_site_router
from shared.service.problem_handlers import add_problem_handlers

MAX_BYTES = 300_000  # of all files; a phone loads them in a second
MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc|\.setHTML")
ELSEWHERE = re.compile(r"\w+://(?!www\.w3\.org/2000/svg\b)")


@pytest.fixture
def files(repository: Path) -> dict[str, Path]:
    folder = repository / "gateway" / "web"
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    app.include_router(build_site_router())
    add_problem_handlers(app)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost") as client:
        yield client


async def test_serves_every_file_with_a_strict_policy(client: httpx2.AsyncClient, files: dict[str, Path]) -> None:
    for path in ("/", *(f"/web/{name}" for name in files)):
        response = await client.get(path)
        assert response.status_code == 200
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy


async def test_does_not_resend_unchanged_file(client: httpx2.AsyncClient) -> None:
    tag = (await client.get("/web/modules/app.js")).headers["etag"]
    again = await client.get("/web/modules/app.js", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert (await client.get("/web/modules/server/api.js", headers={"If-None-Match": tag})).status_code == 200


@pytest.mark.parametrize("path", ["/web/..%2fpage.py", "/web/nothing.js", "/web/"])
async def test_serves_nothing_else(client: httpx2.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert response.json()["type"] == "urn:quittance:problem:not-found"


def test_page_is_small_self_contained_and_builds_no_markup(files: dict[str, Path]) -> None:
    assert sum(path.stat().st_size for path in files.values()) < MAX_BYTES
    for name, path in files.items():
        if path.suffix != ".webp":
            text = path.read_text(encoding="utf-8")
            assert not MARKUP.search(text), name
            assert not ELSEWHERE.search(text), name


def test_page_refers_to_existing_modules_and_icons(files: dict[str, Path]) -> None:
    page = files["index.html"].read_text(encoding="utf-8")
    named = {link.removeprefix("/web/") for link in re.findall(r'(?:src|href)="(/web/[^"]+)"', page)}
    modules = {name: path.read_text(encoding="utf-8") for name, path in files.items() if path.suffix == ".js"}
    imported = {
        posixpath.normpath(f"{posixpath.dirname(name)}/{path}")
        for name, text in modules.items()
        for path in re.findall(r'from "(\.[^"]+)"', text)
    }
    assert named == files.keys() - {"index.html", "sample.webp"}  # all modules are preloaded
    assert imported <= named
    defined = set(re.findall(r'<symbol id="i-([a-z]+)"', page))
    used = set(re.findall(r'#i-([a-z]+)"', page))
    for text in modules.values():
        used |= set(re.findall(r'\bmake(?:Icon|Button|IconButton)\("([a-z]+)"', text))
    assert used <= defined

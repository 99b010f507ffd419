"""The page at `/`: drop receipts, look at what was read, correct it, take it away.

Plain files, read once; no build step, nothing loaded from elsewhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response

from shared.problems import ProblemError

_FOLDER = Path(__file__).parents[1] / "web"
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_HEADERS = {
    # Pictures are shown from memory (blob:); scripts, styles and requests are the gateway's own only.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class _File:
    content: bytes
    media_type: str
    tag: str


def _load() -> dict[str, _File]:
    """The files of the page by their path under `web`."""
    found = {}
    for path in sorted(_FOLDER.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            found[path.relative_to(_FOLDER).as_posix()] = _File(content, _TYPES[path.suffix], tag)
    return found


def page_router() -> APIRouter:
    """Makes the routes of the page; they are not part of the API."""
    router = APIRouter(include_in_schema=False)
    files = _load()

    @router.get("/")
    async def page(request: Request) -> Response:
        return _answer(files["index.html"], request)

    @router.get("/web/{name:path}")
    async def file(name: str, request: Request) -> Response:
        if name not in files:
            raise ProblemError(404, "not-found", "There is nothing here", f"The page has no file {name!r}.")
        return _answer(files[name], request)

    return router


def _answer(file: _File, request: Request) -> Response:
    headers = _HEADERS | {"ETag": file.tag}
    if file.tag in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)

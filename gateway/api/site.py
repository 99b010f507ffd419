"""The web page at `/`, on which people upload receipts, check and correct them, and export them.

It consists of plain files, read once at startup: no build step, and nothing loaded from other hosts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response

from shared.problems import ProblemError

_FOLDER = Path(__file__).parents[1] / "web"
_MEDIA_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_HEADERS = {
    # Pictures are shown from memory (blob:); scripts, styles and requests are limited to the gateway itself.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class _File:
    content: bytes
    media_type: str
    etag: str


def build_site_router() -> APIRouter:
    """Build the routes of the web page, which are not part of the API."""
    router = APIRouter(include_in_schema=False)
    files = _load_files()

    @router.get("/")
    async def get_page(request: Request) -> Response:
        return _build_response(files["index.html"], request)

    @router.get("/web/{name:path}")
    async def get_file(name: str, request: Request) -> Response:
        if name not in files:
            raise ProblemError(404, "not-found", "Not found", f"The web page has no file {name!r}.")
        return _build_response(files[name], request)

    return router


def _load_files() -> dict[str, _File]:
    """Return the files of the page by their path below `web`."""
    files = {}
    for path in sorted(_FOLDER.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            files[path.relative_to(_FOLDER).as_posix()] = _File(content, _MEDIA_TYPES[path.suffix], etag)
    return files


def _build_response(file: _File, request: Request) -> Response:
    headers = _HEADERS | {"ETag": file.etag}
    if file.etag in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)

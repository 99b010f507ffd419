"""The page at `/`: drop a picture, see what was read. Plain files, no build step, nothing loaded from elsewhere."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response

from shared.problems import ProblemError

_FOLDER = Path(__file__).parent / "web"
_FILES = {"page.js": "text/javascript", "page.css": "text/css", "icon.svg": "image/svg+xml"}
_HEADERS = {
    # Pictures are shown from memory (blob:); scripts, styles and requests are the gateway's own only.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page_router() -> APIRouter:
    """Makes the routes of the page; they are not part of the API."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def page() -> Response:
        return _file("index.html", "text/html")

    @router.get("/web/{name}")
    async def file(name: str) -> Response:
        if name not in _FILES:
            raise ProblemError(404, "not-found", "There is nothing here", f"The page has no file {name!r}.")
        return _file(name, _FILES[name])

    return router


def _file(name: str, media_type: str) -> Response:
    return Response((_FOLDER / name).read_bytes(), media_type=media_type, headers=_HEADERS)

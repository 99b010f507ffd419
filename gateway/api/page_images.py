"""The route that renders a page of a document, for browsers that cannot show it themselves."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from gateway.api.parameters import KNOWN_PARAMETERS, reject_misplaced_parameters
from gateway.api.receipts import ACCEPTED_FILES, DOCUMENT_TYPES
from gateway.components import get_gateway_components
from gateway.request_context import get_request_context
from gateway.settings import GatewaySettings
from shared.problem_responses import problem_responses
from shared.service.uploads import read_upload, upload_openapi

PageNumber = Annotated[int, Query(ge=0, le=10_000, description="Index of the page, from 0.")]


def build_pages_router(settings: GatewaySettings) -> APIRouter:
    """Build the route /v1/pages."""
    router = APIRouter(prefix="/v1/pages", tags=["receipts"], dependencies=[KNOWN_PARAMETERS])
    binary = {"schema": {"type": "string", "format": "binary"}}
    # Client generators ignore responses of type image/*; the last entry makes them return bytes.
    media_types = ("image/webp", "image/jpeg", "image/png", "application/octet-stream")
    answer: dict[int | str, dict[str, Any]] = {
        200: {
            "description": "The page, as image/webp, image/jpeg or image/png.",
            "content": dict.fromkeys(media_types, binary),
        }
    }

    @router.post(
        "",
        operation_id="showPage",
        summary="Render one page of a document",
        response_class=Response,
        responses=answer | problem_responses(400, 404, 408, 413, 415, 422, 503, 504),
        openapi_extra=upload_openapi(what=ACCEPTED_FILES, more_types=DOCUMENT_TYPES),
    )
    async def show_page(request: Request, page: PageNumber = 0) -> Response:
        """Return a page of a document as WebP, or a JPEG, PNG or WebP picture unchanged. Nothing is stored.

        The coordinates of a receipt's lines are pixels of this picture.
        """
        # Pictures are not stored, also not as responses.
        get_request_context(request.scope).is_replayable = False
        upload = await read_upload(request, settings.upload_limits)
        reject_misplaced_parameters(request, upload.form)
        picture, media_type = await get_gateway_components(request.app).pipeline.show_page(upload.data, page)
        return Response(picture, media_type=media_type)

    return router

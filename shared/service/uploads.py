"""Reading an upload: a multipart form with one file, or the bytes of the picture as the body.

Bodies are counted while they arrive by the middleware of `shared.service.guard`; here only what they hold is looked
at. Nothing is written to a disk, and file names are never used for anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from shared.contracts import Orientation
from shared.problems import ProblemError

FILE_FIELD = "file"
OrientationQuery = Annotated[
    Orientation | None,
    Query(
        description="auto: the page is read whichever way it is turned; upright: it is taken as it is. "
        "Left out: as the detector is set, which is auto unless it was changed."
    ),
]
_RAW_TYPES = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
_ANY_TYPES = ("application/octet-stream", "application/pdf")  # the first bytes tell what it really is
_HOW = (
    f"Send multipart/form-data with the picture in the field `{FILE_FIELD}`, "
    "or the picture itself as the body with the content type image/jpeg, image/png, image/webp or "
    "application/octet-stream."
)


@dataclass(frozen=True)
class UploadLimits:
    """How much one upload may hold; sizes in bytes."""

    max_bytes: int = 10 * 1024 * 1024
    max_fields: int = 20
    max_field_bytes: int = 1024 * 1024

    @property
    def max_body_bytes(self) -> int:
        """Most bytes of a whole body: the file, the form's other fields and what multipart adds."""
        return self.max_bytes + 2 * self.max_field_bytes


@dataclass(frozen=True)
class Upload:
    """What was sent.

    Attributes:
        data: The bytes of the file, never empty.
        filename: As the sender named it, if at all. Untrusted: not for paths, not for logs.
        form: The other fields of the form; empty for a raw body.
    """

    data: bytes
    filename: str | None
    form: dict[str, str]


async def read_upload(request: Request, limits: UploadLimits) -> Upload:
    """Reads the one file of a request.

    Args:
        request: Its body must not have been read.
        limits: Checked exactly for the file; the whole body is limited by the middleware.

    Returns:
        The file and the fields sent with it.

    Raises:
        ProblemError: 415 `unsupported-content-type`, 400 `bad-multipart`, 422 `file-missing`, `too-many-files` or
            `empty-body`, 413 `upload-too-large`.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "multipart/form-data":
        upload = await _read_form(request, limits)
    elif not content_type or content_type.startswith("image/") or content_type in _ANY_TYPES:
        upload = Upload(await request.body(), None, {})
    else:
        raise ProblemError(
            415,
            "unsupported-content-type",
            "The content type is not supported",
            f"The content type {content_type} is not accepted. {_HOW}",
            extra={"accepted": ["multipart/form-data", *_RAW_TYPES]},
        )
    if len(upload.data) > limits.max_bytes:
        raise too_large(limits.max_bytes)
    if not upload.data:
        raise ProblemError(422, "empty-body", "There is no picture", f"The file sent has no bytes. {_HOW}")
    return upload


def too_large(max_bytes: int) -> ProblemError:
    """The problem of an upload with more than `max_bytes` bytes."""
    return ProblemError(
        413,
        "upload-too-large",
        "The upload is too large",
        f"The upload has more than {max_bytes:,} bytes, the most allowed. Make the picture smaller.",
        extra={"max_bytes": max_bytes},
    )


def upload_openapi(
    fields: dict[str, dict[str, Any]] | None = None,
    *,
    what: str = "A JPEG, PNG or WebP.",
    more_types: Sequence[str] = (),
) -> dict[str, Any]:
    """Describe both kinds of body for OpenAPI: `@router.post(..., openapi_extra=upload_openapi())`.

    A raw body is described as `application/octet-stream` only, which every client generator understands. The service
    itself accepts the content type of any picture.

    Args:
        fields: JSON schemas of the form's other fields, by name. All are optional.
        what: Formats that the file may have, as a sentence.
        more_types: Content types that the service reads in addition to `_RAW_TYPES`.
    """
    picture = {"type": "string", "format": "binary", "description": what}
    form = {"type": "object", "required": [FILE_FIELD], "properties": {FILE_FIELD: picture} | (fields or {})}
    part = {"contentType": ", ".join((*_RAW_TYPES, *more_types))}
    return {
        "requestBody": {
            "required": True,
            "description": "A form, or the bytes of the file as the body. The format is read from the bytes; a raw "
            "body may also have the content type of its format, such as `image/jpeg`.",
            "content": {
                "multipart/form-data": {"schema": form, "encoding": {FILE_FIELD: part}},
                "application/octet-stream": {"schema": picture},
            },
        }
    }


async def _read_form(request: Request, limits: UploadLimits) -> Upload:
    parser = MultiPartParser(
        request.headers,
        request.stream(),
        max_files=1,
        max_fields=limits.max_fields,
        max_part_size=limits.max_field_bytes,
    )
    parser.spool_max_size = limits.max_body_bytes + 1  # in memory: receipts are never written to a disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise ProblemError(
                422, "too-many-files", "There is more than one file", f"Send one file a request. {_HOW}"
            ) from error
        raise ProblemError(
            400, "bad-multipart", "The form cannot be read", f"The multipart body is not valid: {error.message} {_HOW}"
        ) from error
    try:
        return await _one_file(form)
    finally:
        await form.close()


async def _one_file(form: FormData) -> Upload:
    file = form.get(FILE_FIELD)
    if not isinstance(file, UploadFile):
        names = ", ".join(f"`{name}`" for name in sorted(form)) or "none"
        detail = f"The form has no file in the field `{FILE_FIELD}`; its fields: {names}. {_HOW}"
        if isinstance(file, str):
            detail = f"The field `{FILE_FIELD}` was sent as text, not as a file with a name. {_HOW}"
        raise ProblemError(422, "file-missing", "The file is missing", detail)
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    return Upload(await file.read(), file.filename or None, fields)

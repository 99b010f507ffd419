"""Read uploads: a multipart form with one file, or the bytes of the file as the body.

The middleware of `shared.service.guard` limits bodies while they arrive. Nothing is written to disk, and file names are
not used.
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
        description="auto: detect which way the page is turned; upright: do not. Default: the setting of the "
        "detector, which is auto unless changed."
    ),
]
_RAW_TYPES = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
# The format is read from the bytes.
_ANY_TYPES = ("application/octet-stream", "application/pdf", "application/xml", "text/xml")
_ADVICE = (
    f"Send multipart/form-data with the picture in the field `{FILE_FIELD}`, "
    "or the picture itself as the body with the content type image/jpeg, image/png, image/webp or "
    "application/octet-stream."
)


@dataclass(frozen=True)
class UploadLimits:
    """Limits of one upload; sizes in bytes."""

    max_bytes: int = 25 * 2**20
    max_fields: int = 20
    max_field_bytes: int = 1024 * 1024

    @property
    def max_body_bytes(self) -> int:
        """Maximum size of a whole body: the file, other fields of the form, and the overhead of multipart."""
        return self.max_bytes + 2 * self.max_field_bytes


@dataclass(frozen=True)
class Upload:
    """An upload.

    Attributes:
        data: Bytes of the file, not empty.
        filename: Name given by the sender, if any. Untrusted: not for paths or logs.
        form: Other fields of the form; empty for a raw body.
    """

    data: bytes
    filename: str | None
    form: dict[str, str]


async def read_upload(request: Request, limits: UploadLimits) -> Upload:
    """Read the file of a request; arguments and errors as in `read_uploads`."""
    (upload,) = await read_uploads(request, limits)
    return upload


async def read_uploads(request: Request, limits: UploadLimits, max_files: int = 1) -> list[Upload]:
    """Read the files of a request, at least one.

    Args:
        request: Request whose body has not been read.
        limits: Limits of each file; the middleware limits the whole body.
        max_files: Maximum number of files of a form.

    Raises:
        ProblemError: 415 `unsupported-content-type`, 400 `bad-multipart`, 422 `file-missing`, `too-many-files` or
            `empty-body`, 413 `upload-too-large`.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "multipart/form-data":
        uploads = await _read_form(request, limits, max_files)
    elif not content_type or content_type.startswith("image/") or content_type in _ANY_TYPES:
        uploads = [Upload(await request.body(), None, {})]
    else:
        raise ProblemError(
            415,
            "unsupported-content-type",
            "The content type is not supported",
            f"The content type {content_type} is not accepted. {_ADVICE}",
            extra={"accepted": ["multipart/form-data", *_RAW_TYPES]},
        )
    for upload in uploads:
        if len(upload.data) > limits.max_bytes:
            raise upload_too_large_problem(limits.max_bytes)
        if not upload.data:
            advice = "Send the whole file." if content_type == "multipart/form-data" else _ADVICE
            raise ProblemError(422, "empty-body", "There is no picture", f"The file is empty. {advice}")
    return uploads


def upload_too_large_problem(max_bytes: int) -> ProblemError:
    """Describe an upload with more than `max_bytes` bytes: 413 `upload-too-large`."""
    return ProblemError(
        413,
        "upload-too-large",
        "The upload is too large",
        f"The upload has more than the maximum of {max_bytes:,} bytes. Send a smaller file.",
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


async def _read_form(request: Request, limits: UploadLimits, max_files: int) -> list[Upload]:
    parser = MultiPartParser(
        request.headers,
        request.stream(),
        max_files=max_files,
        max_fields=limits.max_fields,
        max_part_size=limits.max_field_bytes,
    )
    parser.spool_max_size = limits.max_body_bytes + 1  # in memory: receipts are not written to disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise _too_many_files_problem(max_files) from error
        raise ProblemError(
            400, "bad-multipart", "The form is not valid", f"The multipart body is not valid: {error.message} {_ADVICE}"
        ) from error
    try:
        return await _take_files(form)
    finally:
        await form.close()


def _too_many_files_problem(max_files: int) -> ProblemError:
    if max_files == 1:
        return ProblemError(
            422, "too-many-files", "There is more than one file", f"Send one file per request. {_ADVICE}"
        )
    return ProblemError(422, "too-many-files", "There are too many files", f"Send at most {max_files} files.")


async def _take_files(form: FormData) -> list[Upload]:
    files = form.getlist(FILE_FIELD)
    file = files[0] if files else None
    if not isinstance(file, UploadFile):
        names = ", ".join(f"`{name}`" for name in sorted(form)) or "none"
        detail = f"The form has no field `{FILE_FIELD}`; its fields are: {names}. {_ADVICE}"
        if isinstance(file, str):
            detail = f"The field `{FILE_FIELD}` was sent as text, not as a file. {_ADVICE}"
        raise ProblemError(422, "file-missing", "The file is missing", detail)
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    return [Upload(await one.read(), one.filename or None, fields) for one in files if isinstance(one, UploadFile)]

"""Client of the Quittance gateway: turns pictures of receipts into data.

from quittance_client import Client

with Client("http://127.0.0.1:8000") as client:
    receipt = client.receipts.read("receipt.jpg")
    print(receipt.fields.total)
"""

from quittance_client import errors, models
from quittance_client._calls import PageImage
from quittance_client._client import AsyncClient, Client
from quittance_client._events import JobEvent
from quittance_client._files import FileInput, NamedFileInput
from quittance_client._jobs import AsyncJobHandle, JobHandle
from quittance_client._receipts import ReadOutcome
from quittance_client._retries import NO_RETRIES, RetryPolicy
from quittance_client._version import __version__
from quittance_client.errors import (
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InvalidInputError,
    JobTimeoutError,
    NotFoundError,
    QuittanceError,
    RateLimitError,
    ServerError,
    UnsupportedFormatError,
    UploadTooLargeError,
)
from quittance_client.models import FieldChange, Job, Receipt

__all__ = [
    "NO_RETRIES",
    "APIConnectionError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncClient",
    "AsyncJobHandle",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "ConflictError",
    "FieldChange",
    "FileInput",
    "InvalidInputError",
    "Job",
    "JobEvent",
    "JobHandle",
    "JobTimeoutError",
    "NamedFileInput",
    "NotFoundError",
    "PageImage",
    "QuittanceError",
    "RateLimitError",
    "ReadOutcome",
    "Receipt",
    "RetryPolicy",
    "ServerError",
    "UnsupportedFormatError",
    "UploadTooLargeError",
    "__version__",
    "errors",
    "models",
]

"""`Idempotency-Key`: a POST that is sent again, because its response was lost, gets the same response.

The response is kept with a fingerprint of the request. A response that contains a receipt is kept under the receipt's
prefix, so that it is deleted with the receipt. Responses have limits of their own, and per caller: however many
requests someone sends, neither the receipts nor the responses of others are dropped for them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from email.message import Message as MimeMessage
from tempfile import SpooledTemporaryFile
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.admission.access import is_public
from gateway.caller import Caller
from gateway.request_context import get_request_context
from gateway.storage.cache import CacheUnavailableError, not_deleted, replay_key
from gateway.storage.cache_control import Caching
from gateway.storage.stores import Lock, Store, Unchanged
from shared.problems import ProblemError

IDEMPOTENCY_KEY_HEADER = "Idempotency-Key"
_VALID_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_LOCK_TTL_S = 2.0
_MAX_BODY_BYTES = 1024 * 1024
# Pictures are kept in memory, where the guard counts them.
_MAX_KEPT_BYTES = 16 * 1024 * 1024
_PART_BYTES = 256 * 1024
_STORED_HEADERS = ("content-type", "content-disposition", "location", "retry-after")
# Nothing was done, or another attempt may succeed: a repeated request should be executed.
_RETRYABLE_STATUSES = frozenset({401, 403, 408, 409, 429, 502, 503, 504, 507})

_log = logging.getLogger(__name__)


class _Record(BaseModel):
    """What is stored about a request.

    Attributes:
        fingerprint: Hash of the request.
        status: Status of the response.
        headers: Some headers of the response.
        body: Body of the response in base64, if it is stored here.
        body_key: Store key of the body, if it is stored elsewhere. Without a body, the request is executed again.
    """

    fingerprint: str
    status: int = 0
    headers: dict[str, str] = {}
    body: str | None = None
    body_key: str | None = None


class Idempotency:
    """Middleware that answers a repeated POST like the first one.

    A key belongs to a caller, or to its group of API keys, and to one request. With another body, path or query it is
    refused (422), and so it is while the first request is in progress (409). If the store is unavailable, the request
    is executed.

    Args:
        app: The application behind it.
        store: Keeps responses.
        ttl_s: Seconds that a response is kept; with 0, requests with a key are refused (400).
    """

    def __init__(self, app: ASGIApp, *, store: Store, ttl_s: float) -> None:
        self._app = app
        self._store = store
        self._ttl_s = ttl_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        key = None
        if scope["type"] == "http" and scope["method"] == "POST":
            key = Headers(scope=scope).get(IDEMPOTENCY_KEY_HEADER)
        if key is None or is_public(scope["path"]):
            await self._app(scope, receive, send)
            return
        self._check_key(key)
        slot = _build_slot(get_request_context(scope).caller, key)
        request = _Request(scope, receive)
        try:
            record = await self._find_record(slot)
            if record is not None and await self._replay(record, request, send):
                return
            lock = await self._store.try_lock(f"{slot}:lock", ttl_s=_LOCK_TTL_S)
        except CacheUnavailableError:
            _log.warning("Request executed without checking its idempotency key")
            await self._app(scope, request.receive, send)
            return
        if lock is None:
            raise _in_use_problem()
        try:
            await self._execute(record, request, slot, send)
        finally:
            await _release(lock)

    def _check_key(self, key: str) -> None:
        if not _VALID_KEY.fullmatch(key):
            raise ProblemError(
                400,
                "idempotency-key-invalid",
                "The idempotency key is not valid",
                f"{IDEMPOTENCY_KEY_HEADER} must have 1 to 255 visible ASCII characters; use a UUID.",
            )
        if self._ttl_s <= 0:
            raise ProblemError(
                400,
                "idempotency-off",
                "Idempotency keys are off",
                "This gateway stores no responses, so it cannot recognize a repeated request. Send the request without "
                f"{IDEMPOTENCY_KEY_HEADER}.",
            )

    async def _execute(self, record: _Record | None, request: _Request, slot: str, send: Send) -> None:
        """Execute a request and store the response, unless it was answered just before the lock was taken."""
        with suppress(CacheUnavailableError):
            record = record or await self._find_record(slot)
            if record is not None and await self._replay(record, request, send):
                return
        response = _StoredResponse(self._store, self._ttl_s, slot, request, send)
        await self._app(request.scope, request.receive, response.send)

    async def _find_record(self, slot: str) -> _Record | None:
        (value,) = await self._store.get(slot)
        try:
            return None if value is None else _Record.model_validate_json(value)
        except ValidationError:
            return None

    async def _replay(self, record: _Record, request: _Request, send: Send) -> bool:
        """Send the stored response, if there is one; return whether there was.

        Raises:
            ProblemError: 422 if the request is not the recorded one.
            CacheUnavailableError: If the store cannot be reached; nothing was sent.
        """
        body = None if record.body is None else base64.b64decode(record.body)
        if record.body_key is not None:
            (body,) = await self._store.get(record.body_key)
        # Only a request that may have to be executed again is kept.
        if await request.read_fingerprint(keep=body is None) != record.fingerprint:
            raise ProblemError(
                422,
                "idempotency-key-reused",
                "The idempotency key was used before",
                f"This {IDEMPOTENCY_KEY_HEADER} was sent with another request. Use a new key for a new request.",
            )
        if body is None:
            return False
        headers = record.headers | {"Idempotency-Replayed": "true"}
        await Response(body, record.status, headers)(request.scope, request.receive, send)
        return True


class _Request:
    """A request whose body is fingerprinted as it arrives, and can be received again after that."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self._receive_next = receive
        self._kept: SpooledTemporaryFile[bytes] | None = None
        self._is_complete = False
        headers = Headers(scope=scope)
        content_type = MimeMessage()
        content_type["content-type"] = headers.get("content-type", "")
        self._boundary = str(content_type.get_param("boundary", "")).encode()
        query = scope["query_string"].decode("latin-1")
        about = [scope["method"], scope["path"], query, content_type.get_content_type()]
        self._hash = hashlib.sha256(json.dumps(about).encode())
        self._carry = b""

    async def receive(self) -> Message:
        """Return the next message, first the body that was received for the fingerprint."""
        if self._kept is not None:
            part = self._kept.read(_PART_BYTES)
            is_last = len(part) < _PART_BYTES
            if is_last:
                self._kept.close()
                self._kept = None
            return {"type": "http.request", "body": part, "more_body": not is_last or not self._is_complete}
        return await self._receive_and_hash()

    async def read_fingerprint(self, *, keep: bool) -> str:
        """Return the fingerprint after reading the rest of the body.

        Args:
            keep: Whether the body can be received again. Large bodies, those of jobs, are kept on the disk.
        """
        if keep and self._kept is None and not self._is_complete:
            self._kept = SpooledTemporaryFile(max_size=_MAX_KEPT_BYTES)  # noqa: SIM115 - closed by `receive`
        while not self._is_complete:
            message = await self._receive_and_hash()
            if message["type"] == "http.disconnect":
                break
            if self._kept is not None:
                self._kept.write(message.get("body", b""))
        if self._kept is not None:
            self._kept.seek(0)
        return self.fingerprint or ""

    @property
    def fingerprint(self) -> str | None:
        """The fingerprint, if the whole body has arrived."""
        return self._hash.hexdigest() if self._is_complete else None

    async def _receive_and_hash(self) -> Message:
        message = await self._receive_next()
        if message["type"] == "http.request" and not self._is_complete:
            self._add(message.get("body", b""))
            if not message.get("more_body"):
                self._hash.update(self._carry)
                self._is_complete = True
        return message

    def _add(self, chunk: bytes) -> None:
        """Hash a part of the body, without the boundary of a form: clients choose a new one for each attempt."""
        if not self._boundary:
            self._hash.update(chunk)
            return
        data = (self._carry + chunk).replace(self._boundary, b"")
        carried = min(len(self._boundary) - 1, len(data))
        self._hash.update(data[: len(data) - carried])
        self._carry = data[len(data) - carried :]


class _StoredResponse:
    """A response that is stored just before its last part is sent."""

    def __init__(self, store: Store, ttl_s: float, slot: str, request: _Request, send: Send) -> None:
        self._store = store
        self._ttl_s = ttl_s
        self._slot = slot
        self._request = request
        self._send_on = send
        self._start: Mapping[str, Any] = {}
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        """Send a part of the response."""
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            if len(self._body) <= _MAX_BODY_BYTES:
                self._body += message.get("body", b"")
            if not message.get("more_body"):
                with suppress(CacheUnavailableError):
                    await self._save()
        await self._send_on(message)

    async def _save(self) -> None:
        fingerprint = self._request.fingerprint
        if fingerprint is None or self._start["status"] in _RETRYABLE_STATUSES:
            return
        scope = self._request.scope
        context = get_request_context(scope)
        headers = Headers(raw=list(self._start["headers"]))
        record = _Record(
            fingerprint=fingerprint,
            status=self._start["status"],
            headers={name: headers[name] for name in _STORED_HEADERS if name in headers},
        )
        caching = Caching.parse(Headers(scope=scope).get("cache-control"))
        may_store_body = caching.may_keep and context.is_replayable and len(self._body) <= _MAX_BODY_BYTES
        if may_store_body and context.receipt_id is not None:
            record.body_key = replay_key(context.receipt_id, context.caller.group, self._slot)
            condition = not_deleted(context.receipt_id, context.caller.group)
            await self._put(record.body_key, bytes(self._body), condition)
        elif may_store_body:
            record.body = base64.b64encode(self._body).decode()
        await self._put(self._slot, record.model_dump_json().encode())

    async def _put(self, key: str, value: bytes, condition: Unchanged | None = None) -> None:
        owner = _identify_owner(get_request_context(self._request.scope).caller)
        await self._store.put(key, value, ttl_s=self._ttl_s, condition=condition, owner=owner)


def _build_slot(caller: Caller, key: str) -> str:
    """Return the store key of a record."""
    parts = [_identify_owner(caller), key]
    return f"quittance:idempotency:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


def _identify_owner(caller: Caller) -> str:
    """Return whose idempotency keys a caller uses: its group's or, without an API key, those of its address."""
    return caller.counted_as if caller.name is None else f"group:{caller.group}"


async def _release(lock: Lock) -> None:
    with suppress(CacheUnavailableError):
        await lock.release()


def _in_use_problem() -> ProblemError:
    return ProblemError(
        409,
        "idempotency-key-in-use",
        "The first request is still in progress",
        f"A request with this {IDEMPOTENCY_KEY_HEADER} is in progress. Try again in a second.",
        headers={"Retry-After": "1"},
    )

"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, is answered again and not done again.

The answer is kept beside a fingerprint of the request, in the store of the cache. An answer that holds a receipt is
kept under the receipt's own prefix there, so that deleting the receipt deletes it too.
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
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.admission.access import is_open
from gateway.reading.shared_reading import Caching
from gateway.storage.cache import CacheUnavailableError, not_deleted, replay_key
from gateway.storage.stores import Lock, Store, held
from shared.problems import ProblemError

HEADER = "Idempotency-Key"
_FORM = re.compile(r"[\x21-\x7e]{1,255}")
_LOCK_S = 2.0
_MOST_BYTES = 1024 * 1024
_KEPT_HEADERS = ("content-type", "content-disposition", "location", "retry-after")
# These say that nothing was done, or that trying again may help: then it should be tried, and not be told so again.
_NOT_KEPT = frozenset({401, 403, 408, 409, 429, 502, 503, 504})
_RECEIPT_ID = "quittance.receipt_id"
_UNKEPT = "quittance.unkept"

_log = logging.getLogger(__name__)


def answers_with_receipt(request: Request, receipt_id: str) -> None:
    """Tells, from a route, that the answer is this receipt: it is forgotten together with it."""
    request.scope[_RECEIPT_ID] = receipt_id


def answers_unkept(request: Request) -> None:
    """Tells, from a route, that the answer must not be kept; sent again, the request is done again."""
    request.scope[_UNKEPT] = True


class _Record(BaseModel):
    """What is known of a request. Without a body and a place of one, it is done again."""

    fingerprint: str
    status: int = 0
    headers: dict[str, str] = {}
    body: str | None = None
    body_at: str | None = None


class Idempotency:
    """Middleware that answers a repeated POST as it answered the first.

    A key belongs to a caller, and to one request: with another body, path or query it is refused (422), and while the
    first is still being answered, too (409). A store that cannot be asked costs no answer: the request is done.

    Args:
        app: What it stands in front of.
        store: Shared with the cache.
        ttl_s: Seconds an answer is kept; 0 where nothing may be kept: then a request with a key is refused (400).
    """

    def __init__(self, app: ASGIApp, *, store: Store, ttl_s: float) -> None:
        self._app = app
        self._store = store
        self._ttl_s = ttl_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs one request."""
        key = Headers(scope=scope).get(HEADER) if scope["type"] == "http" and scope["method"] == "POST" else None
        if key is None or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        self._check(key)
        caller = scope.get("quittance.caller", "")
        slot = f"quittance:idempotency:{hashlib.sha256(json.dumps([caller, key]).encode()).hexdigest()}"
        lock = self._store.lock(f"{slot}:lock", ttl_s=_LOCK_S)
        request = _Request(scope, receive)
        try:
            record = await self._find(slot)
            if record is None or not await self._repeat(record, request, send):
                if not await lock.acquire():
                    raise _in_use()
                record = record or await self._find(slot)  # it may have been answered just before we took the lock
        except CacheUnavailableError:
            _log.warning("A request with an idempotency key is done without looking whether it was done before")
            await self._app(scope, request.receive, send)
            return
        if request.answered:
            return
        try:
            async with held(lock):
                if record is None or not await self._repeat(record, request, send):
                    await self._app(scope, request.receive, _Answer(self._store, self._ttl_s, slot, request, send).send)
        finally:
            await _let_go(lock)

    def _check(self, key: str) -> None:
        if not _FORM.fullmatch(key):
            raise ProblemError(
                400,
                "idempotency-key-invalid",
                "The idempotency key is not valid",
                f"{HEADER} takes 1 to 255 visible ASCII characters, best a UUID.",
            )
        if self._ttl_s <= 0:
            raise ProblemError(
                400,
                "idempotency-off",
                "Nothing is kept here",
                f"This gateway keeps no answers and so cannot tell a repeated request. Send it without {HEADER}.",
            )

    async def _find(self, slot: str) -> _Record | None:
        (value,) = await self._store.get(slot)
        try:
            return None if value is None else _Record.model_validate_json(value)
        except ValidationError:
            return None

    async def _repeat(self, record: _Record, request: _Request, send: Send) -> bool:
        """Answers as the record says; gives whether it could. Raises `ProblemError` if the request is another one."""
        if await request.fingerprint() != record.fingerprint:
            raise ProblemError(
                422,
                "idempotency-key-reused",
                "The idempotency key was used before",
                f"This {HEADER} came with another request. Choose a new key for a new request.",
            )
        body = None if record.body is None else base64.b64decode(record.body)
        if record.body_at is not None:
            (body,) = await self._store.get(record.body_at)
        if body is None:
            return False
        headers = record.headers | {"Idempotency-Replayed": "true"}
        request.answered = True
        await Response(body, record.status, headers)(request.scope, request.receive, send)
        return True


class _Request:
    """A request whose body is fingerprinted on its way, and can be had again after it was read for that alone."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.answered = False
        self._receive_next = receive
        self._replay: list[Message] = []
        self._complete = False
        headers = Headers(scope=scope)
        kind = MimeMessage()
        kind["content-type"] = headers.get("content-type", "")
        self._boundary = str(kind.get_param("boundary", "")).encode()
        about = [scope["method"], scope["path"], scope["query_string"].decode("latin-1"), kind.get_content_type()]
        self._hash = hashlib.sha256(json.dumps(about).encode())
        self._carry = b""

    async def receive(self) -> Message:
        if self._replay:
            return self._replay.pop(0)
        return await self._next()

    async def fingerprint(self) -> str:
        """Reads the rest of the body; it can be received all the same."""
        while not self._complete:
            message = await self._next()
            self._replay.append(message)
            if message["type"] == "http.disconnect":
                break
        return self.known_fingerprint or ""

    @property
    def known_fingerprint(self) -> str | None:
        """That of the body, if all of it has come."""
        return self._hash.hexdigest() if self._complete else None

    async def _next(self) -> Message:
        message = await self._receive_next()
        if message["type"] == "http.request" and not self._complete:
            self._add(message.get("body", b""))
            if not message.get("more_body"):
                self._hash.update(self._carry)
                self._complete = True
        return message

    def _add(self, chunk: bytes) -> None:
        """Hashes a part of the body, without the boundary of a form: clients choose that anew for every attempt."""
        if not self._boundary:
            self._hash.update(chunk)
            return
        data = (self._carry + chunk).replace(self._boundary, b"")
        kept = min(len(self._boundary) - 1, len(data))
        self._hash.update(data[: len(data) - kept])
        self._carry = data[len(data) - kept :]


class _Answer:
    """An answer that is kept just before the last of it is sent."""

    def __init__(self, store: Store, ttl_s: float, slot: str, request: _Request, send: Send) -> None:
        self._store = store
        self._ttl_s = ttl_s
        self._slot = slot
        self._request = request
        self._send_on = send
        self._start: Mapping[str, Any] = {}
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            if len(self._body) <= _MOST_BYTES:
                self._body += message.get("body", b"")
            if not message.get("more_body"):
                with suppress(CacheUnavailableError):
                    await self._keep()
        await self._send_on(message)

    async def _keep(self) -> None:
        fingerprint = self._request.known_fingerprint
        if fingerprint is None or self._start["status"] in _NOT_KEPT:
            return
        scope = self._request.scope
        sent = Headers(raw=list(self._start["headers"]))
        record = _Record(
            fingerprint=fingerprint,
            status=self._start["status"],
            headers={name: sent[name] for name in _KEPT_HEADERS if name in sent},
        )
        caching = Caching.asked_by(Headers(scope=scope).get("cache-control"))
        may_keep = caching.keep and _UNKEPT not in scope and len(self._body) <= _MOST_BYTES
        receipt_id = scope.get(_RECEIPT_ID)
        if may_keep and receipt_id is not None:
            record.body_at = replay_key(receipt_id, self._slot)
            await self._store.put(
                record.body_at, bytes(self._body), ttl_s=self._ttl_s, condition=not_deleted(receipt_id)
            )
        elif may_keep:
            record.body = base64.b64encode(self._body).decode()
        await self._store.put(self._slot, record.model_dump_json().encode(), ttl_s=self._ttl_s)


async def _let_go(lock: Lock) -> None:
    with suppress(CacheUnavailableError):
        await lock.release()


def _in_use() -> ProblemError:
    return ProblemError(
        409,
        "idempotency-key-in-use",
        "The first request is still being answered",
        f"A request with this {HEADER} is being answered at the moment. Try again in a second.",
        headers={"Retry-After": "1"},
    )

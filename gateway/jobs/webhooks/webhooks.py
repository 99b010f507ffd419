"""Tells others that a job is done: a POST of it, signed by the rules of Standard Webhooks.

What has to be sent stands beside the job, so that it is sent at least once, whichever process ends meanwhile. The
receiver knows a second copy by its `webhook-id`, which is the job's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx2

from gateway.jobs.model import DueWebhook, JobStore, JobsUnavailableError
from gateway.jobs.webhooks.addresses import AddressError, check_url, resolve
from gateway.jobs.webhooks.signatures import signed_headers
from gateway.settings import JobSettings, decode_webhook_secret
from shared.problems import ProblemError

_LOOK_S = 1.0
_TIMEOUT_S = 10.0
_LEASE_S = 60.0  # longer than one attempt can take
_AGAIN_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0)  # after each attempt that failed; then it is given up

_log = logging.getLogger(__name__)


class Webhooks:
    """Sends what is due.

    Args:
        store: Knows what is due.
        settings: The secret, without which there are no webhooks, and whether private addresses are allowed.
    """

    def __init__(self, store: JobStore, settings: JobSettings) -> None:
        self._store = store
        self._secret = (
            None
            if settings.webhook_secret is None
            else decode_webhook_secret(settings.webhook_secret.get_secret_value())
        )
        self._private = settings.webhook_private_addresses

    def check(self, url: str) -> None:
        """Raises `ProblemError` 422, `webhooks-off` or `webhook-url-invalid`, if nothing can be sent to the URL."""
        if self._secret is None:
            raise ProblemError(
                422,
                "webhooks-off",
                "There are no webhooks",
                "This service sends no webhooks, as it has no secret to sign them with. Leave webhook_url out and ask "
                "for the job instead; whoever runs the service: set QUITTANCE_WEBHOOK_SECRET.",
            )
        check_url(url, private=self._private)

    @asynccontextmanager
    async def sent(self) -> AsyncIterator[None]:
        """Sends webhooks while the block runs."""
        if self._secret is None:
            yield
            return
        task = asyncio.create_task(self._send_again_and_again(self._secret), name="webhooks")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _send_again_and_again(self, secret: bytes) -> None:
        # No proxies from the environment: they would be given the name of the host, and look it up themselves.
        async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False) as http:
            while True:
                try:
                    due = await self._store.due_webhook(_LEASE_S)
                    if due is not None:
                        await self._send(http, secret, due)
                        continue
                except JobsUnavailableError as error:
                    _log.warning("Webhooks have to wait", extra={"reason": str(error)})
                await asyncio.sleep(_LOOK_S)

    async def _send(self, http: httpx2.AsyncClient, secret: bytes, due: DueWebhook) -> None:
        snapshot = await self._store.get(due.job_id)
        if snapshot is None:
            await self._store.settle_webhook(due.job_id, None)
            return
        body = snapshot.job().model_dump_json().encode()
        reason = await self._attempt(http, secret, due, body)
        if reason is None:
            await self._store.settle_webhook(due.job_id, None)
            return
        again_in_s = _AGAIN_S[due.attempt - 1] if due.attempt <= len(_AGAIN_S) else None
        _log.warning(
            "A webhook was not taken",
            extra={"job": due.job_id, "attempt": due.attempt, "reason": reason, "again_in_s": again_in_s},
        )
        await self._store.settle_webhook(due.job_id, again_in_s)

    async def _attempt(self, http: httpx2.AsyncClient, secret: bytes, due: DueWebhook, body: bytes) -> str | None:
        """Sends once; gives why it was not taken, or None."""
        headers = {"Content-Type": "application/json"} | signed_headers(secret, due.job_id, int(time.time()), body)
        try:
            async with asyncio.timeout(_TIMEOUT_S * 2):
                url, host, extensions = await resolve(due.url, private=self._private)
                request = http.build_request(
                    "POST", url, content=body, headers=headers | {"Host": host}, extensions=extensions
                )
                response = await http.send(request, stream=True)  # what it says is of no interest, however long
                await response.aclose()
        except (AddressError, httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
            return f"{type(error).__name__}: {error}".rstrip(": ")
        return None if response.is_success else f"status {response.status_code}"

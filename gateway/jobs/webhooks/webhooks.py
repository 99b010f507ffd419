"""Webhooks: a POST of each job that is done, signed by the Standard Webhooks specification.

A pending webhook is stored with its job, so it is sent at least once, whichever process ends meanwhile. Receivers
recognize a second copy by its `webhook-id`, which is the ID of the job.

Many are sent at once, but few to one host: a receiver that answers slowly or never delays only its own webhooks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from gateway.background import run_in_background
from gateway.jobs.model import DueWebhook
from gateway.jobs.stores.job_store import JobStore, JobsUnavailableError
from gateway.jobs.webhooks.addresses import AddressError, check_url, resolve_url
from gateway.jobs.webhooks.sending import Sending
from gateway.jobs.webhooks.signatures import build_signed_headers
from shared.problems import ProblemError

_POLL_INTERVAL_S = 1.0
_TIMEOUT_S = 10.0
_LEASE_S = 60.0  # longer than one attempt can take
_MAX_ERROR_LENGTH = 500
# The pause after each failed attempt; after the last one the webhook is given up.
_RETRY_DELAYS_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0)

_log = logging.getLogger(__name__)


class Webhooks:
    """Sends the webhooks that are due.

    Args:
        store: Knows which webhooks are due.
        secret: Signs webhooks; without it none are sent.
        allow_private: Whether webhooks may go to private addresses.
    """

    def __init__(self, store: JobStore, *, secret: bytes | None, allow_private: bool) -> None:
        self._store = store
        self._secret = secret
        self._allow_private = allow_private

    def check_url(self, url: str) -> None:
        """Check that webhooks can be sent to a URL.

        Raises:
            ProblemError: 422 `webhooks-off` or `webhook-url-invalid`.
        """
        if self._secret is None:
            raise ProblemError(
                422,
                "webhooks-off",
                "Webhooks are disabled",
                "This service has no secret to sign webhooks with. Omit webhook_url and poll the job instead, or ask "
                "the operator to set QUITTANCE_WEBHOOK_SECRET.",
            )
        check_url(url, allow_private=self._allow_private)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Send webhooks while the block runs."""
        if self._secret is None:
            yield
            return
        async with run_in_background(self._send_all(self._secret), name="webhooks"):
            yield

    async def _send_all(self, secret: bytes) -> None:
        # No proxies from the environment: a proxy would look up the host again, and so undo the check of its address.
        limits = httpx2.Limits(max_connections=None)  # `Sending` limits them
        sending = Sending()
        async with httpx2.AsyncClient(
            timeout=_TIMEOUT_S, limits=limits, trust_env=False, follow_redirects=False
        ) as http:
            try:
                while True:
                    await sending.wait_for_room()
                    try:
                        due = await self._store.lease_due_webhook(_LEASE_S)
                        if due is not None:
                            delay_s = sending.start(due, lambda due: self._send(http, secret, due))
                            if delay_s:
                                await self._store.postpone_webhook(due.job_id, delay_s)
                            continue
                    except JobsUnavailableError as error:
                        _log.warning("Webhooks delayed", extra={"reason": str(error)})
                    await asyncio.sleep(_POLL_INTERVAL_S)
            finally:
                await sending.stop()

    async def _send(self, http: httpx2.AsyncClient, secret: bytes, due: DueWebhook) -> None:
        try:
            await self._send_and_settle(http, secret, due)
        except JobsUnavailableError as error:  # due again after the lease
            _log.warning("Webhooks delayed", extra={"reason": str(error)})

    async def _send_and_settle(self, http: httpx2.AsyncClient, secret: bytes, due: DueWebhook) -> None:
        snapshot = await self._store.find(due.job_id)
        if snapshot is None:
            await self._store.fail_webhook(due.job_id, "The job has expired.", None)
            return
        body = snapshot.to_job().model_dump_json().encode()
        failure = await self._attempt(http, secret, due, body)
        if failure is None:
            await self._store.confirm_webhook(due.job_id)
            return
        retry_in_s = _RETRY_DELAYS_S[due.attempt - 1] if due.attempt <= len(_RETRY_DELAYS_S) else None
        _log.warning(
            "Webhook failed",
            extra={"job": due.job_id, "attempt": due.attempt, "reason": failure, "retry_in_s": retry_in_s},
        )
        await self._store.fail_webhook(due.job_id, failure, retry_in_s)

    async def _attempt(self, http: httpx2.AsyncClient, secret: bytes, due: DueWebhook, body: bytes) -> str | None:
        """Send a webhook once; return the reason if it failed."""
        signed = build_signed_headers(secret, due.job_id, int(time.time()), body)
        try:
            async with asyncio.timeout(_TIMEOUT_S * 2):
                target = await resolve_url(due.url, allow_private=self._allow_private)
                request = http.build_request(
                    "POST",
                    target.url,
                    content=body,
                    headers={"Content-Type": "application/json", "Host": target.host} | signed,
                    extensions={"sni_hostname": target.tls_name},
                )
                # As a stream, because the body of the response is ignored, however long it is.
                response = await http.send(request, stream=True)
                await response.aclose()
        except (AddressError, httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
            return _describe_failure(error)
        return None if response.is_success else f"The receiver answered with status {response.status_code}."


def _describe_failure(error: Exception) -> str:
    """Return what the job says about an attempt that failed."""
    if isinstance(error, httpx2.TimeoutException | TimeoutError):
        return f"The receiver did not answer within {_TIMEOUT_S:.0f} seconds."
    if isinstance(error, AddressError):
        return f"The address cannot be used: {error}."
    return f"The connection failed: {error or type(error).__name__}."[:_MAX_ERROR_LENGTH]

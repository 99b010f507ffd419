"""Signatures of webhooks."""

from __future__ import annotations

from gateway.jobs.webhooks.signatures import build_signed_headers
from gateway.settings import decode_webhook_secret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_signature_matches_the_reference() -> None:
    """The example is from the documentation of the Standard Webhooks library."""
    secret, body = decode_webhook_secret(SECRET), b'{"test": 2432232314}'
    headers = build_signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

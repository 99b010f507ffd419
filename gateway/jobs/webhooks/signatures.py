"""Signatures of webhooks as Standard Webhooks (standardwebhooks.com) lays them down: HMAC-SHA256."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_PREFIX = "whsec_"


def secret_of(text: str) -> bytes:
    """The bytes of a secret: base64 after `whsec_`, 24 to 64 bytes; raises `ValueError` if it is anything else."""
    if not text.startswith(_PREFIX):
        raise ValueError(f"it should begin with {_PREFIX}")
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"what follows {_PREFIX} should be base64") from error
    if not 24 <= len(secret) <= 64:
        raise ValueError("it should hold 24 to 64 bytes")
    return secret


def signed_headers(secret: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks; the signature is over id, timestamp and body."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{signature}"}

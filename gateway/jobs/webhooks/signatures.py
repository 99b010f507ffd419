"""Signatures of webhooks as Standard Webhooks (standardwebhooks.com) lays them down: HMAC-SHA256."""

from __future__ import annotations

import base64
import hashlib
import hmac


def signed_headers(secret: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks; the signature is over id, timestamp and body."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{signature}"}

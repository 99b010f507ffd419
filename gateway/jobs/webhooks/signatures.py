"""Signatures of webhooks by the Standard Webhooks specification (standardwebhooks.com): HMAC-SHA256."""

from __future__ import annotations

import base64
import hashlib
import hmac


def build_signed_headers(secret: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Build the Standard Webhooks headers, with a signature of the ID, the timestamp (in seconds) and the body."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{signature}"}

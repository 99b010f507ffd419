"""Signatures of webhooks."""

from __future__ import annotations

import pytest

from gateway.jobs.webhooks.signatures import build_signed_headers, decode_secret
from gateway.settings import GatewaySettings
from shared.service.settings import SettingsError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_signature_matches_the_reference() -> None:
    """The example is from the documentation of the Standard Webhooks library."""
    secret, body = decode_secret(SECRET), b'{"test": 2432232314}'
    headers = build_signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("secret", ["", "secret", "whsec_", "whsec_%%%", "whsec_c2hvcnQ=", "whsec_" + "A" * 100])
def test_rejects_malformed_secret(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"should"):
        decode_secret(secret)
    if secret:
        monkeypatch.setenv("QUITTANCE_WEBHOOK_SECRET", secret)
        with pytest.raises(SettingsError, match="QUITTANCE_WEBHOOK_SECRET") as raised:
            GatewaySettings.from_environment()
        assert secret.removeprefix("whsec_")[:8] not in str(raised.value) or len(secret) < 12

"""Settings of the gateway, read from the environment (prefix `QUITTANCE_`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import AnyHttpUrl, Field, RedisDsn, field_validator, model_validator

from gateway.admission.api_keys import parse_rate_limit
from gateway.jobs.settings import JobSettings


class GatewaySettings(JobSettings):
    """Settings of the gateway.

    The URLs of the three stages are given together, or not at all: without them the stages run inside the process.
    """

    service: ClassVar[str] = "gateway"

    detector_url: AnyHttpUrl | None = Field(default=None, description="Base URL of the detector, without /v1.")
    recognizer_url: AnyHttpUrl | None = Field(default=None, description="Base URL of the recognizer, without /v1.")
    extractor_url: AnyHttpUrl | None = Field(default=None, description="Base URL of the extractor, without /v1.")

    max_receipts: int = Field(
        default=16, ge=1, description="Most receipts read at once, waiting ones included; more are refused with 503."
    )
    receipt_timeout_s: float = Field(default=30.0, gt=0, description="Longest time for one receipt; then 504.")
    stage_timeout_s: float = Field(default=20.0, gt=0, description="Longest time for one call of a stage; then 503.")
    stage_connect_timeout_s: float = Field(default=2.0, gt=0, description="Longest wait for a connection to a stage.")
    stage_connections: int = Field(default=32, ge=1, description="Most connections to one stage.")
    stage_check_s: float = Field(default=5.0, gt=0, description="Seconds between questions for the models' versions.")
    decode_workers: int = Field(
        default=2, ge=1, description="Most pictures decoded at once; the largest take 0.5 GB each."
    )

    max_pages: int = Field(default=20, ge=1, description="Most pages of one document.")
    max_page_s: int = Field(
        default=4, ge=1, description="Most seconds of a processor to make a picture of one page; then 422."
    )
    render_timeout_s: float = Field(
        default=20.0, gt=0, description="Longest time to make pictures of all pages of a document; then 422."
    )

    redis_url: RedisDsn | None = Field(default=None, description="Redis for the cache; none: in memory.")
    redis_timeout_s: float = Field(default=0.1, gt=0, description="Most seconds Redis may add to a request.")
    cache_ttl_s: int = Field(default=86_400, ge=0, description="Seconds a receipt is kept; 0 keeps nothing.")
    idempotency_ttl_s: int = Field(
        default=86_400, ge=1, description="Seconds the answer to a request with an Idempotency-Key is kept."
    )
    cache_max_bytes: int = Field(default=64 * 2**20, ge=0, description="Most bytes kept in memory.")
    cache_max_entries: int = Field(default=10_000, ge=0, description="Most receipts kept in memory.")

    state_directory: Path = Field(
        default=Path("state"), description="Directory for what must outlive the process; made if it is not there."
    )

    learn_merchants: bool = Field(
        default=True,
        description="on or off: whether a company or an address that was corrected counts for other receipts too.",
    )

    access: Literal["auto", "keys", "open"] = Field(
        default="auto",
        description="Who is let in: keys: whoever has an API key; open: everybody; auto: whoever has a key as soon as "
        "one was made, before that everybody on this machine.",
    )
    rate_limit: str | None = Field(
        default=None, description="Most requests of a caller whose key has no limit of its own, such as 60/minute."
    )
    publish: str | None = Field(
        default=None, description="Where a container's port is published, such as 127.0.0.1:8000; none: as it listens."
    )
    cors_origins: str | None = Field(
        default=None, description="Web origins whose pages may call the gateway, separated by commas; * for all."
    )

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: str | None) -> str | None:
        for origin in _separated(value):
            if origin != "*" and not re.fullmatch(r"https?://[^/\s]+", origin):
                raise ValueError(f"{origin!r} is no origin; it should be like https://books.example.com")
        return value

    @field_validator("rate_limit")
    @classmethod
    def _is_rate_limit(cls, value: str | None) -> str | None:
        if value is not None:
            parse_rate_limit(value)
        return value

    @model_validator(mode="after")
    def _all_urls_or_none(self) -> Self:
        urls = {name: getattr(self, f"{name}_url") for name in ("detector", "recognizer", "extractor")}
        missing = [f"QUITTANCE_{name.upper()}_URL" for name, url in urls.items() if url is None]
        if 0 < len(missing) < len(urls):
            raise ValueError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set. Give the URLs of all three "
                "stages to call them over HTTP, or none to run them inside the gateway."
            )
        return self

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """The web origins whose pages may call the gateway."""
        return _separated(self.cors_origins)

    @property
    def stages_are_remote(self) -> bool:
        """True if the stages are reached over HTTP, false if they run inside the gateway's process."""
        return self.detector_url is not None


def _separated(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())

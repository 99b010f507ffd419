"""Settings of the gateway, read from the environment (prefix `QUITTANCE_`)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import AnyHttpUrl, Field, RedisDsn, model_validator

from shared.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """Settings of the gateway.

    The URLs of the three stages are given together, or not at all: without them the stages run inside the process.
    """

    service: ClassVar[str] = "gateway"

    detector_url: AnyHttpUrl | None = Field(default=None, description="Base URL of the detector, without /v1.")
    recognizer_url: AnyHttpUrl | None = Field(default=None, description="Base URL of the recognizer, without /v1.")
    extractor_url: AnyHttpUrl | None = Field(default=None, description="Base URL of the extractor, without /v1.")

    receipt_timeout_s: float = Field(default=30.0, gt=0, description="Longest time for one receipt; then 504.")
    stage_timeout_s: float = Field(default=20.0, gt=0, description="Longest time for one call of a stage; then 503.")
    stage_connect_timeout_s: float = Field(default=2.0, gt=0, description="Longest wait for a connection to a stage.")
    stage_connections: int = Field(default=32, ge=1, description="Most connections to one stage.")
    stage_check_s: float = Field(default=5.0, gt=0, description="Seconds between questions for the models' versions.")
    decode_workers: int = Field(
        default=2, ge=1, description="Most pictures decoded at once; the largest take 0.5 GB each."
    )

    max_pages: int = Field(default=20, ge=1, description="Most pages of one document.")
    render_timeout_s: float = Field(
        default=10.0, gt=0, description="Longest time to make pictures of a document's pages; then 422."
    )

    redis_url: RedisDsn | None = Field(default=None, description="Redis for the cache; none: in memory.")
    redis_timeout_s: float = Field(default=0.1, gt=0, description="Most seconds Redis may add to a request.")
    cache_ttl_s: int = Field(default=86_400, ge=0, description="Seconds a receipt is kept; 0 keeps nothing.")
    cache_max_bytes: int = Field(default=64 * 2**20, ge=0, description="Most bytes kept in memory.")
    cache_max_entries: int = Field(default=10_000, ge=0, description="Most receipts kept in memory.")

    state_directory: Path = Field(
        default=Path("state"), description="Directory for what must outlive the process; made if it is not there."
    )

    learn_merchants: bool = Field(
        default=True,
        description="on or off: whether a company or an address that was corrected counts for other receipts too.",
    )

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
    def stages_are_remote(self) -> bool:
        """True if the stages are reached over HTTP, false if they run inside the gateway's process."""
        return self.detector_url is not None

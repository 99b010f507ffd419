"""Settings of the gateway, read from the environment (prefix `QUITTANCE_`)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self

from limits import RateLimitItem, parse
from pydantic import AnyHttpUrl, Field, RedisDsn, SecretStr, field_validator, model_validator

from shared.service.settings import EnvironmentSettings, ServiceSettings

_WEBHOOK_SECRET_PREFIX = "whsec_"  # noqa: S105 - marks a secret, is not one
_MIN_SECRET_BYTES, _MAX_SECRET_BYTES = 24, 64


class StageSettings(EnvironmentSettings):
    """How the gateway reaches the three stages.

    The URLs are given together or not at all. Without them, the stages run inside the gateway's process.
    """

    service: ClassVar[str] = "gateway"

    detector_url: AnyHttpUrl | None = Field(default=None, description="Base URL of the detector, without /v1.")
    recognizer_url: AnyHttpUrl | None = Field(default=None, description="Base URL of the recognizer, without /v1.")
    extractor_url: AnyHttpUrl | None = Field(default=None, description="Base URL of the extractor, without /v1.")
    stage_timeout_s: float = Field(default=20.0, gt=0, description="Timeout of one stage call in seconds; then 503.")
    stage_connect_timeout_s: float = Field(
        default=2.0, gt=0, description="Timeout for connecting to a stage, in seconds."
    )
    stage_connections: int = Field(default=32, ge=1, description="Maximum number of connections to each stage.")
    stage_check_s: float = Field(default=5.0, gt=0, description="Seconds between checks of the stages' model versions.")

    @model_validator(mode="after")
    def _require_all_urls_or_none(self) -> Self:
        urls = {name: getattr(self, f"{name}_url") for name in ("detector", "recognizer", "extractor")}
        missing = [f"QUITTANCE_{name.upper()}_URL" for name, url in urls.items() if url is None]
        if 0 < len(missing) < len(urls):
            raise ValueError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set. Set the URLs of all three "
                "stages to call them over HTTP, or none to run them inside the gateway."
            )
        return self

    @property
    def are_remote(self) -> bool:
        """Whether the stages are called over HTTP; otherwise they run inside the gateway's process."""
        return self.detector_url is not None


class ReadingSettings(EnvironmentSettings):
    """Limits on the receipts that the gateway reads."""

    service: ClassVar[str] = "gateway"

    max_receipts: int = Field(
        default=16,
        ge=1,
        description="Maximum number of receipts read at once, waiting ones included; further ones are refused with "
        "503.",
    )
    receipt_timeout_s: float = Field(default=30.0, gt=0, description="Timeout per receipt in seconds; then 504.")
    decode_workers: int = Field(
        default=2, ge=1, description="Maximum number of documents rendered at once, each in its own process."
    )
    read_codes: bool = Field(default=True, description="Whether QR codes and barcodes are read.")
    max_pages: int = Field(default=20, ge=1, description="Maximum number of pages per document.")
    max_page_s: int = Field(default=5, ge=1, description="CPU seconds allowed per rendered page; then 422.")
    enough_pixels: int = Field(
        default=16_000_000,
        ge=1_000_000,
        description="Larger pictures and pages are reduced to so many pixels to be read.",
    )
    render_timeout_s: float = Field(
        default=20.0, gt=0, description="Timeout for rendering all pages of a document, in seconds; then 422."
    )
    learn_merchants: bool = Field(
        default=True, description="on or off: whether corrected companies and addresses apply to other receipts too."
    )


class StorageSettings(EnvironmentSettings):
    """Where the gateway keeps data, and for how long."""

    service: ClassVar[str] = "gateway"

    redis_url: RedisDsn | None = Field(default=None, description="Redis for the cache; without it, memory is used.")
    redis_password_file: Path | None = Field(
        default=None, description="File with the password of Redis, for a URL that contains only the user."
    )
    redis_timeout_s: float = Field(
        default=0.1, gt=0, description="Maximum time that Redis may add to a request, in seconds."
    )
    cache_ttl_s: int = Field(
        default=86_400, ge=0, description="Seconds that a receipt stays in the cache; 0 turns the cache off."
    )
    cache_max_bytes: int = Field(default=64 * 2**20, ge=0, description="Maximum size of the cache in memory, in bytes.")
    cache_max_entries: int = Field(default=10_000, ge=0, description="Maximum number of receipts cached in memory.")
    idempotency_ttl_s: int = Field(
        default=86_400, ge=1, description="Seconds that the response to a request with an Idempotency-Key is kept."
    )
    idempotency_max_bytes: int = Field(
        default=32 * 2**20,
        ge=0,
        description="Maximum size in bytes of stored responses: of all together in memory, of each caller in Redis "
        "or PostgreSQL.",
    )
    idempotency_max_entries: int = Field(
        default=10_000,
        ge=0,
        description="Maximum number of stored responses: of all together in memory, of each caller in Redis or "
        "PostgreSQL.",
    )
    state_directory: Path = Field(
        default=Path("state"),
        description="Directory for data that must outlive the process; created if it does not exist.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL for data that must outlive the process, such as postgresql://user@host/quittance; "
        "without it, SQLite in the state directory.",
    )
    database_password_file: Path | None = Field(
        default=None, description="File with the password of PostgreSQL, for a URL that contains only the user."
    )
    database_migrate: bool = Field(
        default=True,
        description="on or off: whether a gateway that starts upgrades the schema of PostgreSQL; off: quittance "
        "migrate does.",
    )

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.match(r"postgres(ql)?(\+\w+)?://", value.get_secret_value()):
            # Not the value, which may contain a password.
            raise ValueError("it must start with postgresql://")
        return value


class AdmissionSettings(EnvironmentSettings):
    """Who may call the gateway, and how often."""

    service: ClassVar[str] = "gateway"

    access: Literal["auto", "keys", "open"] = Field(
        default="auto",
        description="keys: callers need an API key; open: anyone may call; auto: callers need a key as soon as one "
        "has been created.",
    )
    rate_limit: str | None = Field(
        default=None,
        description="Maximum request rate of a caller whose key does not set another limit, such as 60/minute.",
    )
    publish: str | None = Field(
        default=None,
        description="Address at which the container's port is published, such as 127.0.0.1:8000; without it, the "
        "address the gateway listens on.",
    )
    cors_origins: str | None = Field(
        default=None, description="Web origins whose pages may call the gateway, separated by commas; * for all."
    )

    allowed_hosts: str | None = Field(
        default=None,
        description="Host names under which callers reach the gateway, separated by commas, such as "
        "receipts.example.com or *.example.com; * for all. localhost and addresses always work.",
    )

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, value: str | None) -> str | None:
        for name in _split(value):
            if name != "*" and not re.fullmatch(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9])?", name):
                raise ValueError(f"{name!r} is not a host name; write it like receipts.example.com, without a port")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: str | None) -> str | None:
        for origin in _split(value):
            if origin != "*" and not re.fullmatch(r"https?://[^/\s]+", origin):
                raise ValueError(f"{origin!r} is not a web origin; write it like https://books.example.com")
        return value

    @field_validator("rate_limit")
    @classmethod
    def _check_rate_limit(cls, value: str | None) -> str | None:
        if value is not None:
            parse_rate_limit(value)
        return value

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host names under which callers reach the gateway, in addition to those of this machine."""
        return _split(self.allowed_hosts)

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """The web origins whose pages may call the gateway."""
        return _split(self.cors_origins)


class JobSettings(EnvironmentSettings):
    """Limits of jobs, and how webhooks are sent."""

    service: ClassVar[str] = "gateway"

    job_concurrency: int = Field(
        default=2,
        ge=0,
        description="Maximum number of job files that this process reads at once; 0 leaves them to other processes.",
    )
    job_ttl_s: int = Field(default=86_400, ge=60, description="Seconds that a job and its results are kept.")
    job_max_files: int = Field(
        default=1000, ge=1, description="Maximum number of files per job, including files inside zips."
    )
    job_max_bytes: int = Field(
        default=256 * 2**20, ge=1, description="Maximum size of a job in bytes, both as sent and once unpacked."
    )
    job_store_bytes: int = Field(
        default=2 * 2**30,
        ge=1,
        description="Maximum size in bytes of the files and results of all jobs together; in Redis also at most half "
        "of its memory. Further jobs are refused with 507.",
    )
    job_reserve_bytes: int = Field(
        default=256 * 2**20,
        ge=0,
        description="Bytes that jobs leave free on the disk of the state directory; further ones are refused with 507.",
    )
    job_upload_timeout_s: float = Field(
        default=600.0, gt=0, description="Timeout for uploading a job, in seconds; then 408."
    )
    job_lease_s: float = Field(
        default=15.0, ge=1, description="Seconds after which another process takes over the files of a killed one."
    )
    job_redis: bool = Field(
        default=True, description="on or off: whether jobs are kept in Redis, if it is configured, or on disk."
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="Secret that signs webhooks: whsec_ followed by 24 to 64 random bytes in base64; without it, "
        "webhooks are off.",
    )
    webhook_private_addresses: bool = Field(
        default=False,
        description="on or off: whether webhooks may be sent to private addresses, such as those of this machine.",
    )

    @field_validator("webhook_secret")
    @classmethod
    def _check_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            decode_webhook_secret(value.get_secret_value())
        return value


class GatewaySettings(ServiceSettings):
    """Settings of the gateway, by topic."""

    service: ClassVar[str] = "gateway"

    stages: StageSettings = Field(default_factory=StageSettings)
    reading: ReadingSettings = Field(default_factory=ReadingSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    admission: AdmissionSettings = Field(default_factory=AdmissionSettings)
    jobs: JobSettings = Field(default_factory=JobSettings)

    @property
    def job_limits(self) -> JobLimits:
        """The limits of one job."""
        return JobLimits(self.jobs.job_max_files, self.jobs.job_max_bytes, self.max_upload_bytes)


@dataclass(frozen=True)
class JobLimits:
    """Limits of one job.

    Attributes:
        max_files: Maximum number of files, including files inside zips.
        max_bytes: Maximum size of the upload, and of all files once unpacked.
        max_file_bytes: Maximum size of one picture or document.
    """

    max_files: int
    max_bytes: int
    max_file_bytes: int


def parse_rate_limit(text: str) -> RateLimitItem:
    """Parse a rate limit such as `60/minute` or `5 per 2 seconds`.

    Raises:
        ValueError: If the text is not a rate limit; the message shows the format.
    """
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a rate limit. Write it like 60/minute, 5/second or 1000/day.") from error


def decode_webhook_secret(text: str) -> bytes:
    """Return the bytes of a secret written as in Standard Webhooks: `whsec_`, then base64.

    Raises:
        ValueError: If the prefix, the encoding or the length is wrong; the message says which.
    """
    if not text.startswith(_WEBHOOK_SECRET_PREFIX):
        raise ValueError(f"it must start with {_WEBHOOK_SECRET_PREFIX}")
    try:
        secret = base64.b64decode(text.removeprefix(_WEBHOOK_SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"the part after {_WEBHOOK_SECRET_PREFIX} is not valid base64") from error
    if not _MIN_SECRET_BYTES <= len(secret) <= _MAX_SECRET_BYTES:
        raise ValueError(f"it must encode {_MIN_SECRET_BYTES} to {_MAX_SECRET_BYTES} bytes")
    return secret


def _split(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())

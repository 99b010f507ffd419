"""Settings of every service, from environment variables that begin with QUITTANCE_ or from a file `.env`.

A variable of one service overrides the common one: QUITTANCE_DETECTOR_MAX_BATCH overrides QUITTANCE_MAX_BATCH.
"""

from __future__ import annotations

import ipaddress
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from shared.inference.engines import EngineChoice, Precision
from shared.pictures.header import PictureLimits
from shared.service.uploads import UploadLimits
from shared.startup import StartupError
from shared.validation_messages import explain_error

PREFIX = "QUITTANCE_"
# The gateway sends pages of 16 million pixels or less; as a JPEG, pure noise has about a byte per pixel.
_MAX_PAGE_BYTES = 32 * 2**20


class SettingsError(StartupError):
    """A setting is not valid; the message names the variable and what it should be."""


class EnvironmentSettings(BaseSettings):
    """Settings read from the environment; a field may be a group of settings, itself a subclass.

    A variable is named after its field alone, whichever group holds it, and settings of a group may be given to the
    constructor by their own names.

    Attributes:
        service: Name in the variables of one service, for example `detector`.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        dotenv_filtering="only_existing",
        extra="ignore",
    )

    service: ClassVar[str] = ""

    @classmethod
    def groups(cls) -> dict[str, type[EnvironmentSettings]]:
        """Return the fields that are groups of settings."""
        return {
            name: field.annotation
            for name, field in cls.model_fields.items()
            if isinstance(field.annotation, type) and issubclass(field.annotation, EnvironmentSettings)
        }

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """Return all settings by name, those in groups included."""
        groups = cls.groups()
        own = {name: field for name, field in cls.model_fields.items() if name not in groups}
        return own | {name: field for group in groups.values() for name, field in group.fields().items()}

    @model_validator(mode="before")
    @classmethod
    def _fill_groups(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = dict(values)
        for name, group in cls.groups().items():
            given = {field: values.pop(field) for field in group.fields() if field in values}
            if not isinstance(values.get(name), group):
                values[name] = dict(values.get(name, {})) | given
        return values

    def replaced(self, **changes: Any) -> Self:
        """Return a copy with other values of some settings, named as in the constructor; they are not validated."""
        for name, group in self.groups().items():
            own = {field: changes.pop(field) for field in group.fields() if field in changes}
            changes[name] = getattr(self, name).replaced(**own)
        return self.model_copy(update=changes)

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings.

        Raises:
            SettingsError: If a setting is not valid; the message names each variable and what it should be.
        """
        try:
            return cls()
        except ValidationError as error:
            faults = [cls._explain(fault["loc"], explain_error(fault)) for fault in error.errors()]
            raise SettingsError("These settings are not valid:\n" + "\n".join(faults)) from error

    @classmethod
    def _explain(cls, where: tuple[int | str, ...], message: str) -> str:
        if where and where[0] in cls.groups():
            where = where[1:]
        if not where:  # validators of a whole model name the variables themselves
            return f"  {message}"
        name = str(where[0])
        field = cls.fields().get(name)
        meaning = f" {field.description}" if field and field.description else ""
        return f"  {PREFIX}{name.upper()}: {message}.{meaning}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look for the service's own variables before the common ones; see pydantic-settings."""
        if not cls.service:
            return init_settings, env_settings, dotenv_settings
        own = f"{PREFIX}{cls.service.upper()}_"
        return (
            init_settings,
            EnvSettingsSource(settings_cls, env_prefix=own),
            DotEnvSettingsSource(settings_cls, env_prefix=own),
            env_settings,
            dotenv_settings,
        )


class ServiceSettings(EnvironmentSettings):
    """Settings that every service has. Subclasses set `service` and add their own."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(default=8000, ge=0, le=65_535, description="TCP port to listen on; 0 for any free one.")
    max_connections: int | None = Field(
        default=None,
        ge=1,
        description="Maximum number of connections; by default what the limit on open files allows, at most 4096.",
    )
    trusted_proxies: str | None = Field(
        default=None,
        description="Addresses or networks of proxies in front, separated by commas, such as 10.0.0.0/8; only their "
        "X-Forwarded-For and X-Forwarded-Proto count.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Lowest level logged.")
    log_format: Literal["json", "text"] = Field(default="json", description="JSON lines, or text for people.")

    max_upload_bytes: int = Field(default=25 * 2**20, ge=1, description="Maximum size of a file in bytes.")
    upload_memory_bytes: int = Field(
        default=256 * 2**20,
        ge=1,
        description="Maximum size of all uploads in memory at once, in bytes; further ones get a 503.",
    )
    upload_stall_s: float = Field(
        default=20.0, gt=0, description="Seconds without any part of an upload after which it is given up with 408."
    )
    max_pixels: int = Field(default=70_000_000, ge=1, description="Maximum size of a picture in pixels.")
    max_side: int = Field(default=25_000, ge=1, description="Maximum side of a picture in pixels.")
    min_side: int = Field(default=8, ge=1, description="Minimum side of a picture in pixels.")

    device: str = Field(default="auto", description="auto, cpu, cuda or cuda:N; auto uses a GPU if there is one.")
    engine: EngineChoice = Field(
        default="auto", description="Library that runs the networks; auto: torch on CUDA, otherwise OpenVINO."
    )
    precision: Precision = Field(
        default="auto",
        description="Arithmetic of the networks; auto: int8 where a network supports it, otherwise bfloat16 if fast.",
    )
    cuda_graphs: Literal["on", "off"] = Field(
        default="off",
        description="Whether CUDA runs detector and recognizer as recorded graphs; not tested on a GPU yet.",
    )
    threads: int | None = Field(
        default=None, ge=1, description="Threads of the network on the CPU; all cores by default."
    )
    max_batch: int = Field(default=8, ge=1, description="Maximum number of items per batch.")
    # A CPU gains nothing by waiting: batches form while the previous one is computed, and a single receipt takes 0.37 s
    # instead of 0.41 s without the waits of three stages. A GPU gains from larger batches.
    max_wait_ms: float = Field(
        default=0.0,
        ge=0,
        description="Maximum milliseconds that an item waits for others to join its batch while the network is idle; "
        "a few help on a GPU.",
    )
    max_queue: int = Field(default=256, ge=1, description="Maximum number of waiting items; more get a 503.")

    request_timeout_s: float = Field(default=60.0, gt=0, description="Seconds allowed for one request.")
    drain_delay_s: float = Field(
        default=1.0,
        ge=0,
        le=15,
        description="Seconds after SIGTERM during which the unready service still accepts requests.",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: str | None) -> str | None:
        for proxy in _split(value):
            ipaddress.ip_network(proxy)
        return value

    @property
    def proxies(self) -> list[str]:
        """Addresses and networks of the proxies that are trusted."""
        return _split(self.trusted_proxies)

    @property
    def picture_limits(self) -> PictureLimits:
        """Limits for `shared.pictures.decoding.decode_picture`."""
        return PictureLimits(self.max_pixels, self.max_side, self.min_side)

    @property
    def upload_limits(self) -> UploadLimits:
        """Limits for `shared.service.uploads.read_upload`."""
        return UploadLimits(self.max_upload_bytes)


class PictureServiceSettings(ServiceSettings):
    """Settings of a service that reads pictures: those that callers send, and pages that the gateway has rendered."""

    @property
    def upload_limits(self) -> UploadLimits:
        """Limits of a body. A lower limit on uploads, which the gateway shares, must not refuse rendered pages."""
        return UploadLimits(max(self.max_upload_bytes, _MAX_PAGE_BYTES))


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]

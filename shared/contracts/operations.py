"""Health and errors, the same in every application."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import Contract


class Liveness(Contract):
    """Liveness of a service."""

    status: Literal["ok"] = Field(examples=["ok"])


class Readiness(Contract):
    """Readiness of a service."""

    status: Literal["ready", "starting", "draining"] = Field(examples=["ready"])
    model: str | None = Field(default=None, examples=["ctpn-2026-11-22-1a2b3c4d"])


class Problem(BaseModel):
    """An error for people and programs (RFC 9457, media type application/problem+json)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(default="about:blank", examples=["urn:quittance:problem:picture-damaged"])
    title: str = Field(examples=["The picture is damaged"])
    status: int = Field(ge=400, le=599, examples=[422])
    detail: str = Field(examples=["The JPEG is truncated or damaged. Send the whole file."])
    instance: str | None = Field(default=None, examples=["/v1/receipts"])
    request_id: str | None = Field(default=None, examples=["5f0c9a52c0de4d9f8f1b1d1c6f1d2a34"])

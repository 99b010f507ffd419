"""Tests of settings from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import pytest
from pydantic import Field, model_validator

from shared.service.settings import ServiceSettings, SettingsError


class ToySettings(ServiceSettings):
    service: ClassVar[str] = "toy"
    port: int = Field(default=8009, ge=0, le=65_535, description="TCP port to listen on.")
    max_batch: int = Field(default=4, ge=1, description="Maximum pictures per batch.")


class PairedSettings(ServiceSettings):
    left: str = ""
    right: str = ""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.left) != bool(self.right):
            raise ValueError("Set both QUITTANCE_LEFT and QUITTANCE_RIGHT, or none.")
        return self


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MAX_BATCH", "TOY_MAX_BATCH", "MAX_PIXELS", "THREADS", "LEFT", "RIGHT", "LOG_LEVEL"):
        monkeypatch.delenv(f"QUITTANCE_{name}", raising=False)


def test_defaults_of_the_service_override_the_common_ones() -> None:
    assert ToySettings.from_environment().max_batch == 4
    assert ServiceSettings.from_environment().max_batch == 8


def test_variable_of_the_service_overrides_the_common_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_MAX_BATCH", "16")
    assert ToySettings.from_environment().max_batch == 16
    monkeypatch.setenv("QUITTANCE_TOY_MAX_BATCH", "32")
    assert ToySettings.from_environment().max_batch == 32
    assert ServiceSettings.from_environment().max_batch == 16
    assert ToySettings(max_batch=2).max_batch == 2


def test_environment_overrides_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("QUITTANCE_TOY_MAX_BATCH=5\nQUITTANCE_MAX_PIXELS=7\nOTHER=1\nQUITTANCE_UNKNOWN=2\n")
    settings = ToySettings.from_environment()
    assert (settings.max_batch, settings.max_pixels) == (5, 7)
    monkeypatch.setenv("QUITTANCE_TOY_MAX_BATCH", "6")
    assert ToySettings.from_environment().max_batch == 6


def test_empty_variable_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_THREADS", "")
    assert ServiceSettings.from_environment().threads is None


def test_invalid_values_are_reported_with_variable_and_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_MAX_BATCH", "many")
    monkeypatch.setenv("QUITTANCE_LOG_LEVEL", "loud")
    with pytest.raises(SettingsError) as caught:
        ServiceSettings.from_environment()
    message = str(caught.value)
    assert "QUITTANCE_MAX_BATCH: Input should be a valid integer" in message
    assert "Maximum number of items per batch." in message
    assert "QUITTANCE_LOG_LEVEL: Input should be 'debug', 'info'" in message


def test_reports_errors_of_model_validators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_LEFT", "a")
    with pytest.raises(SettingsError, match=r"\n  Set both QUITTANCE_LEFT and QUITTANCE_RIGHT, or none\.$"):
        PairedSettings.from_environment()


def test_limits_come_from_the_settings() -> None:
    settings = ServiceSettings(max_pixels=11, max_side=12, min_side=13, max_upload_bytes=14)
    limits = settings.picture_limits
    assert (limits.max_pixels, limits.max_side, limits.min_side) == (11, 12, 13)
    assert settings.upload_limits.max_bytes == 14


def test_every_setting_is_described() -> None:
    assert all(field.description for field in ServiceSettings.model_fields.values())

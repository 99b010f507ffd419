"""How the gateway is put together: its settings, and what it must not import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.settings import GatewaySettings
from quittance.assembly import service_app
from shared.service.settings import SettingsError

URLS = {f"QUITTANCE_{name}_URL": f"http://{name.lower()}:8000" for name in ("DETECTOR", "RECOGNIZER", "EXTRACTOR")}


def test_without_urls_the_stages_are_inside() -> None:
    assert GatewaySettings.from_environment().stages_are_remote is False


def test_with_all_urls_the_stages_are_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, url in URLS.items():
        monkeypatch.setenv(name, url)
    assert GatewaySettings.from_environment().stages_are_remote is True


@pytest.mark.parametrize("given", [["QUITTANCE_DETECTOR_URL"], ["QUITTANCE_DETECTOR_URL", "QUITTANCE_EXTRACTOR_URL"]])
def test_some_urls_are_an_error_that_names_the_missing_ones(monkeypatch: pytest.MonkeyPatch, given: list[str]) -> None:
    for name in given:
        monkeypatch.setenv(name, URLS[name])
    with pytest.raises(SettingsError) as caught:
        GatewaySettings.from_environment()
    told = str(caught.value)
    assert {name for name in URLS if name in told} == set(URLS) - set(given)


@pytest.mark.parametrize(
    ("name", "value"), [("REDIS_URL", "localhost:6379"), ("CACHE_TTL_S", "-1"), ("DETECTOR_URL", "x")]
)
def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"QUITTANCE_{name}", value)
    with pytest.raises(SettingsError, match=f"QUITTANCE_{name}"):
        GatewaySettings.from_environment()


def test_an_unknown_service_is_refused() -> None:
    with pytest.raises(ValueError, match="translator"):
        service_app("translator")


def test_a_gateway_with_urls_needs_neither_networks_nor_services(repository: Path) -> None:
    """As in its container: what the image does not hold cannot be imported."""
    program = """
import sys
for absent in ("cv2", "openvino", "torch", "safetensors", "services"):
    sys.modules[absent] = None
from quittance.assembly import embedded_gateway
app = embedded_gateway()
print(app.title, app.state.settings.stages_are_remote)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **URLS, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "Quittance True"

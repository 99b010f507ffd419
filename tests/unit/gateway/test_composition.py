"""How the gateway is put together: what it runs without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from quittance.assembly import create_service

URLS = {f"QUITTANCE_{name}_URL": f"http://{name.lower()}:8000" for name in ("DETECTOR", "RECOGNIZER", "EXTRACTOR")}


def test_an_unknown_service_is_refused() -> None:
    with pytest.raises(ValueError, match="translator"):
        create_service("translator")


def test_a_gateway_with_urls_needs_neither_networks_nor_services(repository: Path) -> None:
    """As in its container: what the image does not hold cannot be imported."""
    program = """
import sys
for absent in ("cv2", "openvino", "torch", "safetensors", "services"):
    sys.modules[absent] = None
from quittance.assembly import create_gateway
app = create_gateway()
print(app.title, app.state.components.settings.stages.are_remote)
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

"""What is created, and what it runs without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from quittance.assembly import create_service

URLS = {f"QUITTANCE_{name}_URL": f"http://{name.lower()}:8000" for name in ("DETECTOR", "RECOGNIZER", "EXTRACTOR")}


def test_rejects_unknown_services() -> None:
    with pytest.raises(ValueError, match="translator"):
        create_service("translator")


def test_gateway_with_remote_stages_needs_no_networks(repository: Path) -> None:
    """As in its container image, which contains neither services nor networks."""
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

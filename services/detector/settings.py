"""Settings of the detector, from the environment (prefix `QUITTANCE_`, own ones `QUITTANCE_DETECTOR_`)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from shared.contracts import Orientation
from shared.service.settings import ServiceSettings

WEIGHTS = Path(__file__).parent / "weights"
ORIENTATION_WEIGHTS = Path(__file__).parent / "orientation" / "weights"


class DetectorSettings(ServiceSettings):
    """What the detector can be told beside what every service can."""

    service: ClassVar[str] = "detector"

    port: int = Field(default=8001, ge=0, le=65_535, description="TCP port to listen on; 0 for any free one.")
    max_batch: int = Field(default=4, ge=1, description="Most pages of a batch; with torch, they are of one size.")
    max_queue: int = Field(default=32, ge=1, description="Most pages that wait; more are refused with 503.")
    weights: Path = Field(default=WEIGHTS, description="Folder with model.safetensors and manifest.json.")
    text_height: float = Field(
        default=18.0, ge=8, le=40, description="Height in pixels that the text of a page is scaled to."
    )
    max_prepared_pixels: int = Field(
        default=4_000_000, ge=65_536, description="Largest scaled page in pixels; larger ones are made smaller."
    )
    orientation: Orientation = Field(
        default="auto",
        description="auto: pages are read whichever way they are turned; upright: they are taken as they are. "
        "A request can say otherwise.",
    )
    orientation_weights: Path = Field(
        default=ORIENTATION_WEIGHTS, description="Folder of the weights that tell which way up a page is."
    )

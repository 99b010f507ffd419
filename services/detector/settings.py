"""Settings of the detector, from the environment (prefix `QUITTANCE_` or `QUITTANCE_DETECTOR_`)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from shared.contracts import Orientation
from shared.service.settings import PictureServiceSettings

WEIGHTS = Path(__file__).parent / "weights"
ORIENTATION_WEIGHTS = Path(__file__).parent / "orientation" / "weights"


class DetectorSettings(PictureServiceSettings):
    """Settings of the detector, beyond those that every service has."""

    service: ClassVar[str] = "detector"

    port: int = Field(default=8001, ge=0, le=65_535, description="TCP port to listen on; 0 for any free one.")
    max_batch: int = Field(default=4, ge=1, description="Maximum pages per batch; with torch, all of one size.")
    max_queue: int = Field(default=32, ge=1, description="Maximum number of waiting pages; more get a 503.")
    weights: Path = Field(default=WEIGHTS, description="Folder with model.safetensors and manifest.json.")
    text_height: float = Field(
        default=18.0, ge=8, le=40, description="Height in pixels to which the text of a page is scaled."
    )
    max_prepared_pixels: int = Field(
        default=4_000_000, ge=65_536, description="Maximum pixels of a scaled page; larger pages are scaled down."
    )
    orientation: Orientation = Field(
        default="auto",
        description="auto: detect which way a page is turned; upright: do not. A request can override it.",
    )
    orientation_weights: Path = Field(
        default=ORIENTATION_WEIGHTS, description="Folder with the weights of the orientation network."
    )

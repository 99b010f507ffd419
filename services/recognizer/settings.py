"""Settings of the recognizer, from the environment (prefix `QUITTANCE_` or `QUITTANCE_RECOGNIZER_`)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from shared.service.settings import PictureServiceSettings

WEIGHTS = Path(__file__).parent / "weights"


class RecognizerSettings(PictureServiceSettings):
    """Settings of the recognizer, beyond those that every service has."""

    service: ClassVar[str] = "recognizer"

    port: int = Field(default=8002, ge=0, le=65_535, description="TCP port to listen on; 0 for any free one.")
    max_batch: int = Field(default=256, ge=1, description="Maximum segments per batch, of all widths.")
    max_queue: int = Field(default=8192, ge=1, description="Maximum number of waiting segments; more get a 503.")
    weights: Path = Field(default=WEIGHTS, description="Folder with model.safetensors and manifest.json.")
    language: Literal["auto", "off"] = Field(
        default="auto", description="Whether a language model of receipts helps where print is hard to read."
    )
    second_look: Literal["on", "off"] = Field(
        default="on",
        description="Whether uncertain segments are read again, slightly wider and narrower; takes a twelfth of the "
        "time.",
    )
    max_quads: int = Field(default=2000, ge=1, description="Maximum number of quads per request.")
    max_crop_width: int = Field(
        default=2048,
        ge=256,
        multiple_of=256,
        description="Maximum width of the network's input in pixels; longer segments are squeezed.",
    )

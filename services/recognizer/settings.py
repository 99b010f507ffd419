"""Settings of the recognizer, from the environment (prefix `QUITTANCE_`, own ones `QUITTANCE_RECOGNIZER_`)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from shared.service.settings import ServiceSettings

WEIGHTS = Path(__file__).parent / "weights"


class RecognizerSettings(ServiceSettings):
    """What the recognizer can be told beside what every service can."""

    service: ClassVar[str] = "recognizer"

    port: int = Field(default=8002, ge=0, le=65_535, description="TCP port to listen on; 0 for any free one.")
    max_batch: int = Field(default=256, ge=1, description="Most segments taken at once, of all widths.")
    max_queue: int = Field(default=8192, ge=1, description="Most segments that wait; more are refused with 503.")
    weights: Path = Field(default=WEIGHTS, description="Folder with model.safetensors and manifest.json.")
    language: Literal["auto", "off"] = Field(
        default="auto", description="Whether a language model of receipts helps where print is hard to read."
    )
    second_look: Literal["on", "off"] = Field(
        default="on",
        description="Whether segments that are hard to read are read again, a little wider and narrower; costs a "
        "twelfth of the time.",
    )
    max_quads: int = Field(default=2000, ge=1, description="Most quads in one request.")
    max_crop_width: int = Field(
        default=2048,
        ge=256,
        multiple_of=256,
        description="Widest input of the network in pixels; a longer segment is squeezed to it.",
    )

"""Settings of the extractor, from the environment (prefix `QUITTANCE_`, own ones `QUITTANCE_EXTRACTOR_`)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from shared.service.settings import ServiceSettings

WEIGHTS = Path(__file__).parent / "weights"


class ExtractorSettings(ServiceSettings):
    """What the extractor can be told beside what every service can."""

    service: ClassVar[str] = "extractor"

    port: int = Field(default=8003, ge=0, le=65_535, description="TCP port to listen on; 0 for any free one.")
    weights: Path = Field(default=WEIGHTS, description="Folder with model.safetensors and manifest.json.")
    merchant_directory: Literal["on", "train", "off"] = Field(
        default="on",
        description="Whether spelling may be corrected by the directory of known merchants. train: only by what was "
        "met on training receipts, to measure on others.",
    )
    vendor_list: Path | None = Field(
        default=None,
        description="Your own vendors for the directory: CSV with the columns company and address, or a JSON list.",
    )
    date_order: Literal["day_first", "month_first"] = Field(
        default="day_first", description="How 03/04/2018 is read where the receipt itself does not tell."
    )
    least_confidence: float = Field(
        default=0.2, ge=0, le=1, description="A field that is less likely right than this is left out; 0 for none."
    )
    max_characters: int = Field(default=50_000, ge=1, description="Most characters in the text of one receipt.")

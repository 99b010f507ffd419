"""Settings of the extractor, from the environment (prefix `QUITTANCE_` or `QUITTANCE_EXTRACTOR_`)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field

from shared.service.settings import ServiceSettings

WEIGHTS = Path(__file__).parent / "weights"


class ExtractorSettings(ServiceSettings):
    """Settings of the extractor, beyond those that every service has."""

    service: ClassVar[str] = "extractor"

    port: int = Field(default=8003, ge=0, le=65_535, description="TCP port to listen on; 0 for any free one.")
    weights: Path = Field(default=WEIGHTS, description="Folder with model.safetensors and manifest.json.")
    merchant_directory: Literal["on", "train", "off"] = Field(
        default="on",
        description="Whether the merchant directory may correct spelling. train: only with merchants of training "
        "receipts, to measure on others.",
    )
    vendor_list: Path | None = Field(
        default=None,
        description="Your own vendors for the merchant directory: CSV with the columns company and address, or a JSON "
        "list.",
    )
    date_order: Literal["day_first", "month_first"] = Field(
        default="day_first", description="How to read 03/04/2018 if the receipt does not show the order."
    )
    default_country: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="ISO 3166 code of the country to assume if a receipt does not show one; none by default.",
    )
    least_confidence: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Minimum probability that a field is right; less likely fields are null. 0 keeps all.",
    )
    max_characters: int = Field(default=50_000, ge=1, description="Maximum characters in the text of one receipt.")

    def for_measurement(self) -> Self:
        """Return the settings to measure with: the merchant directory, if on, knows only training receipts."""
        if self.merchant_directory == "off":
            return self
        return self.model_copy(update={"merchant_directory": "train"})

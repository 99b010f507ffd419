"""Shape of the CRNN, independent of the library that runs it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# Columns of the input per frame of the output.
FRAME_STRIDE = 4

_CONVOLUTIONS = 7
_HEIGHT_PX = 32


@dataclass(frozen=True)
class Architecture:
    """Sizes of the layers; stored in the manifest.

    Attributes:
        classes: CTC classes, including the blank.
        channels: Output channels of the seven convolutions.
        hidden: Units of each direction of each LSTM.
        layers: Number of stacked bidirectional LSTMs.
        height: Height of the input in pixels.
        width_stretch: Factor by which segments are wider in the input than their aspect ratio.
        dropout: Dropout between the LSTMs, in training only, 0 to 1.
        leveled: Whether the shades of each segment are stretched from its ink to its paper (`crops.level`).
    """

    classes: int
    channels: tuple[int, ...] = (32, 64, 128, 160, 256, 256, 320)
    hidden: int = 256
    layers: int = 3
    height: int = _HEIGHT_PX
    width_stretch: float = 1.3
    dropout: float = 0.1
    leveled: bool = False

    def __post_init__(self) -> None:
        if len(self.channels) != _CONVOLUTIONS:
            raise ValueError(f"The network has seven convolutions, not {len(self.channels)}.")
        if self.height != _HEIGHT_PX:
            raise ValueError(f"The convolutions reduce a height of 32 to 1; a height of {self.height} does not fit.")

    def to_dict(self) -> dict[str, Any]:
        """Return the values for a manifest, as JSON types."""
        return {**asdict(self), "channels": list(self.channels)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Architecture:
        """Read the values of a manifest.

        Raises:
            KeyError: If `channels` is missing.
            TypeError: If another value is missing or unknown.
            ValueError: If a value is not valid.
        """
        return cls(**{**values, "channels": tuple(values["channels"])})

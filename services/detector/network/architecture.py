"""Shape of the CTPN, independent of the library that runs it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# Width and height in pixels of a cell of conv5_3.
STRIDE = 16
# Mean of the pixels that VGG16 was trained on: blue, green, red, 0 to 255.
PIXEL_MEAN = (104.007, 116.669, 122.679)
# Activations of VGG16 at conv5_3 are in the tens; the new layers expect about 1.
FEATURE_SCALE = 1.0 / 32.0
# Channels and convolutions of the blocks of VGG16, with a pooling between blocks.
BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


@dataclass(frozen=True)
class Architecture:
    """Sizes of the layers; stored in the manifest.

    Attributes:
        anchor_heights: Heights of the k anchors in pixels at the working scale, ascending.
        window_channels: Channels of the 3x3 window.
        recurrent_units: Units of each direction of the LSTM.
        dense_units: Units of the fully connected layer.
    """

    anchor_heights: tuple[float, ...] = (8.0, 10.3, 13.3, 17.2, 22.2, 28.7, 37.1, 48.0)
    window_channels: int = 512
    recurrent_units: int = 128
    dense_units: int = 512

    def to_dict(self) -> dict[str, Any]:
        """Return the values for a manifest, as JSON types."""
        return {**asdict(self), "anchor_heights": list(self.anchor_heights)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Architecture:
        """Read the values of a manifest.

        Raises:
            KeyError: If `anchor_heights` is missing.
            TypeError: If another value is unknown.
        """
        heights = tuple(float(height) for height in values["anchor_heights"])
        return cls(**{**values, "anchor_heights": heights})

"""What fixes the shape of a CTPN, whatever library runs it. No library of networks is imported here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

#: Width and height of a cell of conv5_3 in pixels.
STRIDE = 16
#: Mean of the pixels that VGG16 was trained on: blue, green, red, from 0 to 255.
PIXEL_MEAN = (104.007, 116.669, 122.679)
#: The activations of VGG16 at conv5_3 are tens; the new layers are made for ones.
FEATURE_SCALE = 1.0 / 32.0
#: Channels and convolutions of the blocks of VGG16; a pooling stands between them.
BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


@dataclass(frozen=True)
class Architecture:
    """What fixes the shape of a CTPN.

    Attributes:
        anchor_heights: The k anchor heights in pixels at the working scale, rising.
        window_channels: Channels of the 3x3 window.
        recurrent_units: Units of the LSTM in each direction.
        dense_units: Units of the fully connected layer.
    """

    anchor_heights: tuple[float, ...] = (8.0, 10.3, 13.3, 17.2, 22.2, 28.7, 37.1, 48.0)
    window_channels: int = 512
    recurrent_units: int = 128
    dense_units: int = 512

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON values, for a manifest."""
        return {**asdict(self), "anchor_heights": list(self.anchor_heights)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Architecture:
        """Rebuild the settings from a manifest.

        Raises:
            TypeError: If a key is missing or unknown.
        """
        heights = tuple(float(height) for height in values["anchor_heights"])
        return cls(**{**values, "anchor_heights": heights})

"""What fixes the shape of a CRNN, whatever library runs it. No library of networks is imported here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

FRAME_STRIDE = 4
"""Columns of the input for each frame of the output."""


@dataclass(frozen=True)
class Architecture:
    """What it takes to build the network; stored in the manifest.

    Attributes:
        classes: CTC classes, the blank included.
        channels: output channels of the seven convolutions.
        hidden: units of each direction of each LSTM.
        layers: stacked bidirectional LSTMs.
        height: pixels of the input's height.
        width_stretch: how much wider than its aspect ratio a segment is fed to the network.
        dropout: dropout between the LSTMs (training only).
        leveled: whether the shades of each segment are stretched from its ink to its paper (`crops.level`).
    """

    classes: int
    channels: tuple[int, ...] = (32, 64, 128, 160, 256, 256, 320)
    hidden: int = 256
    layers: int = 3
    height: int = 32
    width_stretch: float = 1.3
    dropout: float = 0.1
    leveled: bool = False

    def __post_init__(self) -> None:
        if len(self.channels) != 7:
            raise ValueError(f"The network has seven convolutions, not {len(self.channels)}.")
        if self.height != 32:
            raise ValueError(f"The convolutions reduce a height of 32 to 1; a height of {self.height} does not fit.")

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the manifest (JSON types only)."""
        return {**asdict(self), "channels": list(self.channels)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Architecture:
        """Read it from a manifest.

        Raises:
            TypeError: if there is an unknown setting or one lacks.
        """
        return cls(**{**values, "channels": tuple(values["channels"])})

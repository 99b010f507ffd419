"""What fixes the shape of a character LSTM, whatever library runs it. No library of networks is imported here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from shared.contracts import FIELD_NAMES

CLASSES = ("other", *FIELD_NAMES)


@dataclass(frozen=True)
class Architecture:
    """What it takes to build the network; stored in the manifest.

    Attributes:
        embedding: Width of the character embedding.
        channels: Width of the convolution.
        hidden: Width of each LSTM direction.
        dropout: Share of the values dropped in training between the layers, 0 to 1.
    """

    embedding: int = 48
    channels: int = 128
    hidden: int = 128
    dropout: float = 0.3

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the manifest (JSON types only)."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Architecture:
        """Read it from a manifest.

        Raises:
            TypeError: If there is an unknown setting.
        """
        return cls(**values)

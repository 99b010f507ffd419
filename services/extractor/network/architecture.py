"""What fixes the shape of a character LSTM, whatever library runs it. No library of networks is imported here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from services.extractor.network.classes import BASIC_CLASSES, CLASSES


@dataclass(frozen=True)
class Architecture:
    """What it takes to build the network; stored in the manifest.

    Attributes:
        embedding: Width of the character embedding.
        channels: Width of the convolution.
        hidden: Width of each LSTM direction.
        dropout: Share of the values dropped in training between the layers, 0 to 1.
        features: Number of layout features that the network takes; the first ones of `encoding.FEATURES`.
        classes: Names of the classes, in the order of the outputs.
        item_starts: Whether one more output tells if a character is in the first segment of an item.
    """

    embedding: int = 48
    channels: int = 128
    hidden: int = 128
    dropout: float = 0.3
    features: int = 23
    classes: tuple[str, ...] = BASIC_CLASSES
    item_starts: bool = False

    @property
    def outputs(self) -> int:
        """Numbers per character: one for each class, and one for the start of an item."""
        return len(self.classes) + self.item_starts

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the manifest (JSON types only)."""
        return {**asdict(self), "classes": list(self.classes)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Architecture:
        """Read it from a manifest.

        Raises:
            TypeError: If there is an unknown setting or class.
        """
        classes = tuple(values.get("classes", BASIC_CLASSES))
        if classes[: len(BASIC_CLASSES)] != BASIC_CLASSES or not set(classes) <= set(CLASSES):
            raise TypeError(f"unknown classes: {', '.join(classes)}")
        return cls(**{**values, "classes": classes})

"""Shape of the character LSTM, independent of the library that runs it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from services.extractor.network.classes import BASIC_CLASSES, CLASSES


@dataclass(frozen=True)
class Architecture:
    """Sizes of the layers; stored in the manifest.

    Attributes:
        embedding: Size of the character embedding.
        channels: Channels of the convolution.
        hidden: Units of each direction of each LSTM.
        dropout: Dropout between the layers, in training only, 0 to 1.
        features: Number of layout features that the network uses, the first ones of `encoding.FEATURES`.
        classes: Names of the classes, in the order of the outputs.
        item_starts: Whether there is an output for characters in the first segment of an item.
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
        """Number of outputs per character."""
        return len(self.classes) + self.item_starts

    def to_dict(self) -> dict[str, Any]:
        """Return the values for a manifest, as JSON types."""
        return {**asdict(self), "classes": list(self.classes)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Architecture:
        """Read the values of a manifest.

        Raises:
            TypeError: If a value or a class is unknown.
        """
        classes = tuple(values.get("classes", BASIC_CLASSES))
        if classes[: len(BASIC_CLASSES)] != BASIC_CLASSES or not set(classes) <= set(CLASSES):
            raise TypeError(f"unknown classes: {', '.join(classes)}")
        return cls(**{**values, "classes": classes})

"""Define the shape of the orientation network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# Added to the standard deviation of a patch, so that the noise of an empty one is not amplified.
MIN_DEVIATION = 8.0


@dataclass(frozen=True)
class OrientationArchitecture:
    """Shape of the network.

    Attributes:
        channels: Channels of each convolution; the first is 5 x 5, the others 3 x 3.
        strides: Stride of each convolution.
    """

    channels: tuple[int, ...] = (16, 32, 48, 64, 96, 96)
    strides: tuple[int, ...] = (2, 2, 1, 2, 1, 2)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> OrientationArchitecture:
        """Read the shape from a manifest.

        Raises:
            ValueError: If the keys or the numbers of values are wrong.
            TypeError: If a value is not a list of numbers.
        """
        if values.keys() != asdict(cls()).keys():
            raise ValueError(f"unexpected keys: {', '.join(sorted(values))}")
        shape = cls(**{name: tuple(int(number) for number in numbers) for name, numbers in values.items()})
        if len(shape.channels) != len(shape.strides):
            raise ValueError("the numbers of strides and channels differ")
        return shape

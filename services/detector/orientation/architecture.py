"""What fixes the shape of the network that tells which way up a patch of text is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

#: Added to the deviation of a patch's shades, so that the noise of an empty one is not blown up.
LEAST_DEVIATION = 8.0


@dataclass(frozen=True)
class OrientationArchitecture:
    """Shape of the network.

    Attributes:
        channels: Of each convolution; the first is 5 x 5, the others 3 x 3.
        strides: Of each convolution.
    """

    channels: tuple[int, ...] = (16, 32, 48, 64, 96, 96)
    strides: tuple[int, ...] = (2, 2, 1, 2, 1, 2)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> OrientationArchitecture:
        """From a manifest; raises KeyError, TypeError or ValueError if it does not describe one."""
        if values.keys() != asdict(cls()).keys():
            raise ValueError(f"its keys are {', '.join(sorted(values))}")
        shape = cls(**{name: tuple(int(number) for number in numbers) for name, numbers in values.items()})
        if len(shape.channels) != len(shape.strides):
            raise ValueError("there are not as many strides as channels")
        return shape

"""Define what an engine of the orientation network computes."""

from __future__ import annotations

from typing import Protocol

from shared.arrays import Floats, Pixels

# Turns that are recognized, degrees clockwise.
TURNS = (0, 90, 180, 270)
# Side of a patch, and height of the characters on it.
PATCH_PX, CHARACTER_PX = 128, 11.0


class OrientationEngine(Protocol):
    """Runs the orientation network."""

    def __call__(self, patches: Pixels) -> Floats:
        """Run one batch.

        Args:
            patches: `(N, PATCH_PX, PATCH_PX)` gray pixels.

        Returns:
            `(N, 4)` log probabilities of `TURNS`.
        """

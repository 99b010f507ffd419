"""The array types of the project: one name per element type. Shapes stand in the docstrings of what uses them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]

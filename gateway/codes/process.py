"""Reads codes in a process of its own that can be killed. `shared.pictures.worker` tells how files and results pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from gateway.codes.finding import find_codes
from shared.pictures.decoding import decode_picture
from shared.pictures.header import PictureLimits
from shared.pictures.worker import Output, serve


def read_codes(data: bytes, arguments: dict[str, Any]) -> tuple[dict[str, Any], Output]:
    """Read the codes of gray pixels of a `size`, or of a file within `limits`."""
    if arguments["size"] is None:
        pixels = decode_picture(data, PictureLimits(**arguments["limits"])).pixels
    else:
        width, height = arguments["size"]
        pixels = np.frombuffer(data, np.uint8).reshape(height, width)
    return {"codes": find_codes(pixels)}, []


if __name__ == "__main__":
    serve({"read": read_codes})

"""Read the header and the scans of a JPEG, and bound what decoding costs, without decoding it (ITU-T T.81, annex B).

Markers are found as libjpeg finds them: bytes between segments are skipped, and the coded data of a scan end at the
next marker that is not a restart. What follows the end of the image, such as a video, is ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# T.81, table B.1: markers that start a frame, which holds the size. 0xC4, 0xC8 and 0xCC have other meanings.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_END, _SCAN = 0xD9, 0xDA
# Neither a stuffed or fill byte, nor a marker without a segment: TEM, a restart or the start of the image.
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
_MAX_SEGMENTS = 4_000
_MAX_SCANS = 64
# An empty scan still visits every sample of its components: 0.06 to 0.18 ns each (libjpeg-turbo 3, on a Xeon).
# Coded data cost 6 to 60 ns per byte, and are bounded by the size of the file. A progressive picture visits each of its
# samples about six times.
_MAX_VISITS = 4_000_000_000


@dataclass(frozen=True)
class JpegStructure:
    """What the markers of a JPEG say.

    Attributes:
        size: Width and height in pixels; None if there is no frame header.
        scans: Number of scans.
        visits: Samples that all scans visit together: pixels times components, summed over the scans.
        segments: Number of segments, scans included.
        is_walked: Whether the walk ended before the limit on segments.
    """

    size: tuple[int, int] | None
    scans: int
    visits: int
    segments: int
    is_walked: bool

    def find_excess(self) -> str | None:
        """Return why decoding might take long; None if it is bounded by about a second of CPU time."""
        if not self.is_walked or self.segments > _MAX_SEGMENTS:
            return f"it has more than {_MAX_SEGMENTS:,} segments"
        if self.scans > _MAX_SCANS:
            return f"it has more than {_MAX_SCANS} scans"
        if self.visits > _MAX_VISITS:
            return f"its {self.scans} scans visit more than {_MAX_VISITS:,} samples"
        return None


def read_structure(data: bytes) -> JpegStructure:
    """Read the markers of a JPEG up to the end of the image; takes a few milliseconds for ten megabytes."""
    size: tuple[int, int] | None = None
    scans = visits = segments = 0
    at = 2
    while segments <= _MAX_SEGMENTS and (found := _MARKER.search(data, at)):
        marker, start = data[found.end() - 1], found.end()
        if marker == _END:
            break
        segments += 1
        length = int.from_bytes(data[start : start + 2], "big")
        if marker in _FRAMES and size is None and len(data) >= start + 7:
            size = (
                int.from_bytes(data[start + 5 : start + 7], "big"),
                int.from_bytes(data[start + 3 : start + 5], "big"),
            )
        elif marker == _SCAN:
            scans += 1
            width, height = size or (0, 0)
            # Subsampled components have fewer samples; the bound need not be tight.
            visits += width * height * max(int.from_bytes(data[start + 2 : start + 3], "big"), 1)
        # A length below two is not valid; libjpeg stops there.
        at = start + max(length, 2)
    return JpegStructure(size, scans, visits, segments, segments <= _MAX_SEGMENTS)


def read_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height from the first frame header; None if the segments before it are damaged."""
    at = 2
    for _ in range(_MAX_SEGMENTS):
        head = data[at : at + 9]
        if len(head) < 9 or head[0] != 0xFF:
            return None
        if head[1] in _FRAMES:
            return int.from_bytes(head[7:9], "big"), int.from_bytes(head[5:7], "big")
        # A marker may follow any number of fill bytes.
        at += 1 if head[1] == 0xFF else 2 + int.from_bytes(head[2:4], "big")
    return None

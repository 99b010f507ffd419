"""Many files, one in a hundred of them broken: exactly their rows have an error."""

from __future__ import annotations

import io
import resource
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from benchmarks.bulk.archives import empty_folder, find_faults, make_options, prepare_environment
from bulk.run import run_bulk

_ONE_IN = 100
_SIZE = (240, 160)


def measure_broken(folder: Path, count: int) -> dict[str, Any]:
    """Read `count` small pictures, one in a hundred of them broken; return figures."""
    prepare_environment()
    inputs = empty_folder(folder / "broken")
    paths = [inputs / f"{number // 1_000:03}" / f"{number:07}.jpg" for number in range(count)]
    broken = paths[_ONE_IN // 2 :: _ONE_IN]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        picture = _draw(number)
        path.write_bytes(_break(picture, number // _ONE_IN) if path in broken else picture)
    output = empty_folder(folder / "broken-out")
    summary = run_bulk(make_options(inputs, output, rows_per_file=256), lambda _: None)
    return {
        "files": count,
        "broken": len(broken),
        "seconds": round(summary.seconds, 1),
        "errors": dict(summary.errors),
        "driver_peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "faults": find_faults(output, paths, broken),
    }


def _draw(number: int) -> bytes:
    picture = Image.new("L", _SIZE, 255)
    ImageDraw.Draw(picture).text((20, 60), f"TOTAL {number}.00", 0, font_size=24)
    file = io.BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()


def _break(picture: bytes, kind: int) -> bytes:
    """Return a broken picture: empty, cut off, of no format, or a PDF and a TIFF without pages."""
    kinds = (
        b"",
        picture[: len(picture) // 2],
        b"no picture\n" * 100,
        b"%PDF-1.7\n%%EOF",
        b"II*\0\x08\0\0\0\0\0\0\0\0\0",
    )
    return kinds[kind % len(kinds)]

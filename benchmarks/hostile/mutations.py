"""Randomly damaged pictures, as a fuzzer would send them; the same seed gives the same pictures."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from imagecodecs import jpegxl_encode
from PIL import Image

# Documents are rendered in a separate process, which takes half a second; fewer of them are sent.
_FAST = ("JPEG", "JPEG progressive", "PNG", "PNG palette", "WebP", "WebP lossless")
_SLOW = ("TIFF", "BMP", "PDF", "HEIC", "AVIF", "JPEG XL", "GIF")
_SLOW_SHARE = 0.08
_CROP_SIZE = (220, 140)
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


def load_bases(samples: Path) -> dict[str, list[bytes]]:
    """Return crops of the sample pictures with a few words, by format."""
    found: dict[str, list[bytes]] = {}
    for path in sorted(samples.iterdir()):
        if path.suffix not in (".jpg", ".png", ".webp"):
            continue
        with Image.open(path) as image:
            left, top = image.width // 5, image.height // 6
            crop = image.convert("RGB").crop((left, top, left + _CROP_SIZE[0], top + _CROP_SIZE[1]))
        for kind in (*_FAST, *_SLOW):
            found.setdefault(kind, []).append(_encode(crop, kind))
    return found


def generate_mutations(samples: Path, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield `count` damaged pictures, each with a name that says how to reproduce it."""
    by_kind = load_bases(samples)
    for number in range(count):
        chance = random.Random(f"{seed}-{number}")
        kind = chance.choice(_SLOW if chance.random() < _SLOW_SHARE else _FAST)
        yield f"mutation {number} of seed {seed}, {kind}", mutate(chance.choice(by_kind[kind]), by_kind[kind], chance)


def mutate(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Damage a file in one to eight ways."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        chance.choice(_WAYS)(out, others, chance)
        if not out:
            break
    return bytes(out)


def _position(out: bytearray, chance: random.Random) -> int:
    # Prefer headers: they are short, and decoders depend on them.
    end = min(len(out), 600) if chance.random() < 0.6 else len(out)
    return chance.randrange(end) if end else 0


def _flip(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    out[_position(out, chance)] ^= 1 << chance.randrange(8)


def _set(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    out[_position(out, chance)] = chance.choice((*_INTERESTING, chance.randrange(256)))


def _overwrite(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    at = _position(out, chance)
    new = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0", chance.randbytes(4)))
    out[at : at + 4] = new[: max(len(out) - at, 0)]


def _cut(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    del out[_position(out, chance) :]


def _drop(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    at = _position(out, chance)
    del out[at : at + chance.randrange(1, 64)]


def _double(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    at = _position(out, chance)
    out[at:at] = out[at : at + chance.randrange(1, 256)]


def _insert(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    at = _position(out, chance)
    out[at:at] = chance.randbytes(chance.randrange(1, 32))


def _splice(out: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    at, other = _position(out, chance), chance.choice(others)
    out[at:] = other[chance.randrange(len(other)) :]


_WAYS = (_flip, _flip, _set, _set, _overwrite, _overwrite, _cut, _drop, _double, _insert, _splice)


def _encode(image: Image.Image, kind: str) -> bytes:
    out = BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(image).save(out, quality=60)
        return out.getvalue()
    if kind == "JPEG XL":
        return bytes(jpegxl_encode(np.asarray(image), level=90))
    all_options: dict[str, dict[str, Any]] = {
        "JPEG progressive": {"progressive": True},
        "WebP lossless": {"lossless": True},
        "TIFF": {"compression": "tiff_lzw"},
        "PDF": dict.fromkeys(("creationDate", "modDate"), time.gmtime(0)),  # otherwise no two files are equal
    }
    options = all_options.get(kind, {})
    (image.quantize(64) if kind == "PNG palette" else image).save(out, kind.split()[0], **options)
    return out.getvalue()

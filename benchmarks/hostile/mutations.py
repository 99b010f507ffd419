"""Pictures that were damaged at random, the same for the same seed: what a fuzzer would send."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image

# Documents are rendered in a process of their own, which takes half a second: fewer of them.
_QUICK = ("JPEG", "JPEG progressive", "PNG", "PNG palette", "WebP", "WebP lossless")
_SLOW = ("TIFF", "BMP", "PDF", "HEIC", "AVIF")
_SLOW_SHARE = 0.08
_CUT = (220, 140)
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


def bases(samples: Path) -> dict[str, list[bytes]]:
    """Parts of the sample pictures with a few words on them, by format."""
    found: dict[str, list[bytes]] = {}
    for path in sorted(samples.iterdir()):
        if path.suffix not in (".jpg", ".png", ".webp"):
            continue
        with Image.open(path) as image:
            left, top = image.width // 5, image.height // 6
            part = image.convert("RGB").crop((left, top, left + _CUT[0], top + _CUT[1]))
        for kind in (*_QUICK, *_SLOW):
            found.setdefault(kind, []).append(_saved(part, kind))
    return found


def mutations(samples: Path, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Gives `count` damaged pictures, each with a name that tells how to get it again."""
    by_kind = bases(samples)
    for number in range(count):
        chance = random.Random(f"{seed}-{number}")
        kind = chance.choice(_SLOW if chance.random() < _SLOW_SHARE else _QUICK)
        yield f"mutation {number} of seed {seed}, {kind}", mutated(chance.choice(by_kind[kind]), by_kind[kind], chance)


def mutated(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Damages a file in one to eight ways."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        chance.choice(_WAYS)(out, others, chance)
        if not out:
            break
    return bytes(out)


def _place(out: bytearray, chance: random.Random) -> int:
    # Headers are short and matter most.
    end = min(len(out), 600) if chance.random() < 0.6 else len(out)
    return chance.randrange(end) if end else 0


def _flip(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    out[_place(out, chance)] ^= 1 << chance.randrange(8)


def _set(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    out[_place(out, chance)] = chance.choice((*_INTERESTING, chance.randrange(256)))


def _overwrite(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    at = _place(out, chance)
    new = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0", chance.randbytes(4)))
    out[at : at + 4] = new[: max(len(out) - at, 0)]


def _cut(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    del out[_place(out, chance) :]


def _drop(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    at = _place(out, chance)
    del out[at : at + chance.randrange(1, 64)]


def _double(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    at = _place(out, chance)
    out[at:at] = out[at : at + chance.randrange(1, 256)]


def _insert(out: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    at = _place(out, chance)
    out[at:at] = chance.randbytes(chance.randrange(1, 32))


def _splice(out: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    at, other = _place(out, chance), chance.choice(others)
    out[at:] = other[chance.randrange(len(other)) :]


_WAYS = (_flip, _flip, _set, _set, _overwrite, _overwrite, _cut, _drop, _double, _insert, _splice)


def _saved(image: Image.Image, kind: str) -> bytes:
    out = BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(image).save(out, quality=60)
        return out.getvalue()
    options: dict[str, Any] = {
        "JPEG progressive": {"progressive": True},
        "WebP lossless": {"lossless": True},
        "TIFF": {"compression": "tiff_lzw"},
        "PDF": dict.fromkeys(("creationDate", "modDate"), time.gmtime(0)),  # else no two are the same
    }.get(kind, {})
    (image.quantize(64) if kind == "PNG palette" else image).save(out, kind.split()[0], **options)
    return out.getvalue()

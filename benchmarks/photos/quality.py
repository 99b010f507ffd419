"""Measures whether `pages[].quality` reports the flaws of pictures, and is silent where there are none.

    python -m benchmarks.photos.quality --output runs/quality.json [--data DIR ...] [--count N] [--seed N]

Pictures are rendered receipts and labeled ones. Each is sent as it is and with each flaw of `benchmarks.photos.flaws`;
pictures of tables show no receipt at all. A flaw counts as reported from a score of 0.5. Photographs among the labeled
receipts have flaws of their own, so what is reported on them as they are is not always wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.photos.flaws import FLAWS, draw_no_receipt
from benchmarks.receipts import load_spread
from benchmarks.report import write_json
from gateway.reading.page_quality import MATTERS
from quittance.evaluation.chain import Chain, start_chain
from shared.arrays import Floats, Pixels
from synthesis.generator import render_receipt
from synthesis.photography.photograph import PictureStyle

_NO_RECEIPT = "no_receipt"
_JPEG_QUALITY = 92


def take_pictures(folder: Path | None, split: str, count: int, seed: int) -> Iterator[tuple[str, Pixels, Floats]]:
    """Yield the key, picture and quads of labeled receipts of a folder; of rendered ones without a folder."""
    if folder is None:
        for number in range(count):
            style = PictureStyle(("scan", "photo")[number % 2], 0.2, 30.0)
            receipt = render_receipt(f"quality {seed} {number}", style=style)
            yield str(number), receipt.image, np.stack([one.quad for one in receipt.segments])
        return
    for labeled in load_spread(folder, split, count):
        yield labeled.key, labeled.read_image(), labeled.quads


async def read_scores(chain: Chain, image: Pixels) -> dict[str, float]:
    """Return the scores of a picture by name; `cut_off` has one per side."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    receipt = await chain.client.receipts.read(data)
    quality = receipt.pages[0].quality
    if quality is None:
        return {}
    scores = quality.model_dump()
    return {**{f"cut_off.{side}": score for side, score in scores.pop("cut_off").items()}, **scores}


async def measure(chain: Chain, folder: Path | None, split: str, count: int, seed: int) -> dict[str, Any]:
    """Send the pictures of a folder, or rendered ones.

    Returns:
        `reported`, by flaw, the share of pictures with it whose score reports it; `silent`, by score, the share of the
        pictures as they are on which it reports nothing; `pictures`, their number; and `missed` and `raised`, the keys
        of all others.
    """
    reported: dict[str, list[bool]] = defaultdict(list)
    silent: dict[str, list[bool]] = defaultdict(list)
    missed: dict[str, list[str]] = defaultdict(list)
    raised: dict[str, list[str]] = defaultdict(list)
    for key, image, quads in take_pictures(folder, split, count, seed):
        for name, score in (await read_scores(chain, image)).items():
            silent[name].append(score < MATTERS)
            if score >= MATTERS:
                raised[name].append(key)
        for flaw, (names, apply) in FLAWS.items():
            rng = np.random.default_rng((seed, zlib.crc32(f"{key} {flaw}".encode())))
            scores = await read_scores(chain, apply(image, quads, rng))
            reported[flaw].append(max(scores.get(name, 0.0) for name in names) >= MATTERS)
            if not reported[flaw][-1]:
                missed[flaw].append(key)
    return {
        "pictures": len(next(iter(silent.values()), [])),
        "reported": {flaw: float(np.mean(found)) for flaw, found in reported.items()},
        "silent": {name: float(np.mean(found)) for name, found in silent.items()},
        "missed": missed,
        "raised": raised,
    }


async def measure_no_receipt(chain: Chain, count: int, seed: int) -> float:
    """Return the share of pictures without a receipt that are reported as such."""
    rng = np.random.default_rng((seed, count))
    scores = [(await read_scores(chain, draw_no_receipt(rng))).get(_NO_RECEIPT, 0.0) for _ in range(count)]
    return float(np.mean([score >= MATTERS for score in scores]))


async def measure_all(folders: Sequence[Path], *, split: str, count: int, seed: int, output: Path) -> dict[str, Any]:
    """Measure rendered receipts, the receipts of folders and pictures without any; write the file after each."""
    results: dict[str, Any] = {"about": {"split": split, "count": count, "seed": seed}}
    async with start_chain() as chain:
        results["models"] = (await chain.stages.models()).model_dump()
        results["without_receipt"] = await measure_no_receipt(chain, count, seed)
        for folder in (None, *folders):
            name = "rendered" if folder is None else folder.name
            results[name] = found = await measure(chain, folder, split, count, seed)
            write_json(output, results)
            for kind in ("reported", "silent"):
                shares = ", ".join(f"{key} {share:.2f}" for key, share in found[kind].items())
                print(f"{name}, {kind}: {shares}", flush=True)
    print(f"without a receipt: {results['without_receipt']:.2f} reported")
    return results


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="folders of labeled receipts")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--count", type=int, default=30, help="pictures per folder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the flaws (default: %(default)s)")
    options = vars(parser.parse_args())
    asyncio.run(measure_all(options.pop("data"), **options))


if __name__ == "__main__":
    main()

"""Write a folder of synthetic receipts, or the sample receipts of the repository: `python -m synthesis`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from synthesis.generator import generate
from synthesis.samples import write_samples


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m synthesis", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    folder = commands.add_parser("generate", help="write receipts in the layout of SROIE")
    folder.add_argument("--out", type=Path, required=True, help="folder to write to")
    folder.add_argument("--count", type=int, default=500, help="number of receipts (default: 500)")
    folder.add_argument("--seed", type=int, default=1, help="seed; the same seed gives the same receipts (default: 1)")
    folder.add_argument(
        "--validation-share", type=float, default=0.05, help="share of the validation split (default: 0.05)"
    )
    folder.add_argument("--workers", type=int, default=1, help="number of processes (default: 1)")
    folder.add_argument("--fonts", type=Path, help="folder of further fonts, mainly for shop names")
    samples = commands.add_parser("samples", help="write the sample receipts of the repository")
    samples.add_argument(
        "--out", type=Path, default=Path("tests/samples"), help="folder to write to (default: tests/samples)"
    )
    chosen = parser.parse_args(arguments)
    if chosen.command == "samples":
        for path in write_samples(chosen.out):
            print(f"{path}: {path.stat().st_size / 1024:.0f} kB")
        return 0
    try:
        generate(chosen.out, chosen.count, chosen.seed, chosen.validation_share, chosen.workers, fonts=chosen.fonts)
    except ValueError as error:
        parser.error(str(error))
    print(f"{chosen.out}: {chosen.count} receipts")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

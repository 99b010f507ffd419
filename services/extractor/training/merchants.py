"""Build the merchant directory from the labels of a data set.

    python -m services.extractor.training.merchants --data DIR

writes the directory that ships with the weights, from all splits. Each entry records how often it occurs in each
split, so that a measurement on `validation` can ignore what it must not know.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from services.extractor.merchants import DIRECTORY, SPLITS, Directory
from shared.learning.dataset import load_split

_SOURCE = (
    "Company names and addresses in the labels of the 626 receipts of SROIE (Huang et al., 2019, arXiv:2103.10213) "
    "that the project has, CC BY 4.0, by the project's own split; spelling and order changed in no way."
)
_LICENSE = "CC-BY-4.0"


def build_directory(entities: Iterable[Mapping[str, str]]) -> Directory:
    """Build a directory from the labels of receipts, in memory."""
    rows = list(entities)
    return Directory((row["company"] for row in rows), ((row["company"], row["address"]) for row in rows))


def write_directory(splits: Mapping[str, Iterable[Mapping[str, str]]], path: Path) -> int:
    """Write a directory file from labels.

    Args:
        splits: For each split, the labels (`company` and `address`) of its receipts.
        path: The file to write.

    Returns:
        The number of merchants written.
    """
    counts: dict[tuple[str, str], Counter[str]] = {}
    for split, entities in splits.items():
        for labels in entities:
            pair = (" ".join(labels["company"].split()), " ".join(labels["address"].split()))
            counts.setdefault(pair, Counter())[split] += 1
    merchants = [
        {"company": company, "address": address, "count": dict(count)}
        for (company, address), count in sorted(counts.items())
        if company or address
    ]
    header = json.dumps({"source": _SOURCE, "license": _LICENSE}, ensure_ascii=False).removesuffix("}")
    # One merchant per line keeps diffs readable.
    lines = ",\n".join(json.dumps(merchant, ensure_ascii=False) for merchant in merchants)
    path.write_text(f'{header}, "merchants": [\n{lines}\n]}}\n', encoding="utf-8")
    return len(merchants)


def main() -> None:
    """Run `python -m services.extractor.training.merchants --data DIR [--output FILE]`."""
    parser = argparse.ArgumentParser(description="Build the merchant directory from the labels of a data set.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--output", type=Path, default=DIRECTORY, help="file to write (default: %(default)s)")
    arguments = parser.parse_args()
    labels = {split: [receipt.entities for receipt in load_split(arguments.data, split)] for split in SPLITS}
    count = write_directory(labels, arguments.output)
    print(f"Wrote {count} merchants to {arguments.output}")


if __name__ == "__main__":
    main()

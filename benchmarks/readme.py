"""Writes into the README what was measured, and what a sample picture gives, so that neither is ever invented.

python -m benchmarks.readme --sample tests/samples/malaysia.jpg --measures runs/evaluation.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from pathlib import Path
from typing import Any

from quittance.client import embedded
from quittance.draw import draw_file
from shared.contracts import Receipt

ROOT = Path(__file__).resolve().parent.parent
_LINES_SHOWN = 2
_ROWS = (
    ("task 1, text found (DetEval)", "task1.deteval"),
    ("task 2, words read, detector's boxes", "task2.pixels"),
    ("task 2, words read, given boxes", "task2.given_boxes"),
    ("task 3, fields, from pixels", "task3.pixels.all"),
    ("task 3, fields, given text", "task3.given_text.all"),
    ("task 3, from pixels, companies not seen in training", "task3.pixels.unseen_company"),
    ("task 3, given text, companies not seen in training", "task3.given_text.unseen_company"),
)


def main() -> None:
    """Reads the arguments, runs the chain on the sample, and writes README and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=Path, required=True, help="a rendered receipt, never one of SROIE")
    parser.add_argument("--measures", type=Path, required=True, help="what `quittance evaluate --output` wrote")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    arguments = parser.parse_args()
    measures = json.loads(arguments.measures.read_text(encoding="utf-8"))
    receipt = asyncio.run(read(arguments.sample.read_bytes()))
    text = arguments.readme.read_text(encoding="utf-8")
    text = fill(text, "answer", answer(receipt))
    text = fill(text, "measures", tables(measures))
    arguments.readme.write_text(text, encoding="utf-8")
    print(f"wrote {arguments.readme} and {draw_file(arguments.sample, receipt, ROOT / 'docs' / 'images')}")


async def read(data: bytes) -> Receipt:
    """Runs the chain on a picture."""
    async with embedded() as client:
        return await client.read(data)


def fill(text: str, name: str, content: str) -> str:
    """Replaces what stands between the two comments of that name; raises ValueError if they are not there."""
    pattern = re.compile(rf"(<!-- {name}: written by .*? -->\n).*?(<!-- {name}: end -->)", re.S)
    filled, count = pattern.subn(lambda match: f"{match[1]}\n{content}\n\n{match[2]}", text)
    if count != 1:
        raise ValueError(f"The README has {count} places for {name!r}.")
    return filled


def answer(receipt: Receipt) -> str:
    """The answer as a block of JSON, with the first lines only and numbers rounded."""
    shown = receipt.model_dump(mode="json")
    for part in (*filter(None, shown["fields"].values()), *shown["lines"]):
        part["quad"] = [[round(x), round(y)] for x, y in part["quad"]]
        part["confidence"] = round(part["confidence"], 3)
    left_out = len(shown["lines"]) - _LINES_SHOWN
    shown["lines"] = [*shown["lines"][:_LINES_SHOWN], f"... and {left_out} more"]
    rows = [f"  {json.dumps(key)}: {_value(value)}" for key, value in shown.items()]
    return "```json\n{\n" + ",\n".join(rows) + "\n}\n```"


def tables(measures: dict[str, Any]) -> str:
    """The measures as two tables of Markdown."""
    lines = ["| | precision | recall | F1 |", "| --- | --- | --- | --- |"]
    for title, path in _ROWS:
        found: Any = measures
        for key in path.split("."):
            found = found[key]
        last = found.get("f1", found.get("hmean"))
        lines.append(f"| {title} | {found['precision']:.3f} | {found['recall']:.3f} | {last:.3f} |")
    seconds, trust = measures["seconds"], measures["trust"]
    lines += [
        "",
        "| | |",
        "| --- | --- |",
        f"| receipts | {measures['receipts']} |",
        f"| characters wrong, given boxes | {measures['task2']['given_boxes']['cer']:.3f} |",
        f"| calibration error of the fields' confidence | {trust['ece']:.3f} |",
        f"| fields that may go through unseen at 99% right | {trust['straight_through']:.3f} |",
        f"| seconds a receipt, median and 95th percentile | {seconds['median']:.2f}, {seconds['p95']:.2f} |",
        f"| seconds to start | {seconds['startup']:.1f} |",
        f"| peak memory of gateway and services in one process | {measures['peak_memory_mib']:.0f} MiB |",
        f"| models | {', '.join(f'`{version}`' for version in measures['models'].values())} |",
    ]
    return "\n".join(lines)


def _value(value: object) -> str:
    """JSON on a line for what is small, a line for each part of what is not."""
    if isinstance(value, dict) and len(json.dumps(value)) > 110:
        rows = [f"    {json.dumps(key)}: {json.dumps(part, ensure_ascii=False)}" for key, part in value.items()]
        return "{\n" + ",\n".join(rows) + "\n  }"
    if isinstance(value, list) and len(json.dumps(value)) > 110:
        return "[\n" + ",\n".join(f"    {json.dumps(part, ensure_ascii=False)}" for part in value) + "\n  ]"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()

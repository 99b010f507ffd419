"""Write the sample response and the measures into README and docs, so that neither is ever typed by hand.

python -m benchmarks.readme --sample tests/samples/malaysia.jpg --measures runs/evaluation.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quittance.client import open_embedded_client
from quittance.display.draw import draw_file
from quittance.extract import to_contract
from shared.contracts import FIELD_NAMES, Receipt

ROOT = Path(__file__).resolve().parent.parent
_LINES_SHOWN = 2
_ROWS = (
    ("task 1: text found (DetEval)", "task1.deteval"),
    ("task 2: words read, detected boxes", "task2.pixels"),
    ("task 2: words read, given boxes", "task2.given_boxes"),
    ("task 3: fields, from pixels", "task3.pixels.all"),
    ("task 3: fields, given text", "task3.given_text.all"),
    ("task 3: from pixels, companies not seen in training", "task3.pixels.unseen_company"),
    ("task 3: given text, companies not seen in training", "task3.given_text.unseen_company"),
)
_SUMMARY_ROWS = (
    ("text found, DetEval H-mean", "task1.deteval.hmean", ".3f", ""),
    ("words read, F1", "task2.pixels.f1", ".3f", ""),
    ("fields from pixels, F1", "task3.pixels.all.f1", ".3f", ""),
    ("straight-through rate at 99% precision", "trust.straight_through", ".3f", ""),
    ("seconds per receipt, median", "seconds.median", ".2f", ""),
    ("peak memory", "peak_memory_mib", ".0f", " MiB"),
)


def main() -> None:
    """Read the arguments, run the sample through the models, and write README, accuracy page and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=Path, required=True, help="rendered receipt to read, never one of SROIE")
    parser.add_argument("--measures", type=Path, required=True, help="file written by `quittance evaluate --output`")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--accuracy", type=Path, default=ROOT / "docs" / "accuracy.md")
    arguments = parser.parse_args()
    measures = json.loads(arguments.measures.read_text(encoding="utf-8"))
    receipt = asyncio.run(read(arguments.sample.read_bytes()))
    write(arguments.readme, answer=answer(receipt, brief=True), figures=summary(measures))
    write(arguments.accuracy, measures=tables(measures))
    target = ROOT / "docs" / "images" / f"{arguments.sample.stem}-read.png"
    draw_file(arguments.sample.read_bytes(), receipt, target)
    print(f"Wrote {target}")


async def read(data: bytes) -> Receipt:
    """Read a picture with the services in this process."""
    async with open_embedded_client() as client:
        return to_contract(await client.receipts.read(data))


def write(page: Path, **parts: str) -> None:
    """Replace the named generated parts of a page."""
    text = page.read_text(encoding="utf-8")
    for name, content in parts.items():
        text = fill(text, name, content)
    page.write_text(text, encoding="utf-8")
    print(f"Wrote {page}")


def fill(text: str, name: str, content: str) -> str:
    """Replace the text between the two comments with this name; raise ValueError unless there is exactly one pair."""
    pattern = re.compile(rf"(<!-- {name}: written by .*? -->\n).*?(<!-- {name}: end -->)", re.S)
    filled, count = pattern.subn(lambda match: f"{match[1]}\n{content}\n\n{match[2]}", text)
    if count != 1:
        raise ValueError(f"The page has {count} places for {name!r}; it needs exactly one.")
    return filled


def answer(receipt: Receipt, *, brief: bool = False) -> str:
    """Return the response as a JSON code block, with the first lines only and numbers rounded.

    Args:
        receipt: The receipt.
        brief: Whether to show only the main fields, one line and one item.
    """
    shown: dict[str, Any] = _round(receipt.model_dump(mode="json"))
    if brief:
        fields = shown["fields"]
        shown = _pick(shown, ("id", "pages", "fields", "items", "lines")) | {
            "fields": _pick(fields, FIELD_NAMES),
            "items": _shorten([_pick(item, ("description", "amount")) for item in shown["items"]], 1),
        }
    shown["lines"] = _shorten(shown["lines"], 1 if brief else _LINES_SHOWN)
    rows = [f"  {json.dumps(key)}: {_value(value)}" for key, value in shown.items()]
    return "```json\n{\n" + ",\n".join(rows) + "\n}\n```"


def _pick(values: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return some members and the names of the others."""
    others = [name for name in values if name not in names]
    return {name: values[name] for name in names} | {"...": f"and {', '.join(others)}"}


def _round(value: Any) -> Any:
    """Round confidences to three digits and corners to pixels, at any depth."""
    if isinstance(value, dict):
        rounded = {key: _round(part) for key, part in value.items()}
        if "quad" in rounded:
            rounded["quad"] = [[round(x), round(y)] for x, y in rounded["quad"]]
        if "confidence" in rounded:
            rounded["confidence"] = round(rounded["confidence"], 3)
        return rounded
    return [_round(part) for part in value] if isinstance(value, list) else value


def _shorten(values: list[Any], count: int) -> list[Any]:
    """Return the first values and a note on how many are left out."""
    return [*values[:count], f"... and {len(values) - count} more"] if len(values) > count else values


def summary(measures: dict[str, Any]) -> str:
    """Return the few measures of the README as a Markdown table."""
    rows = [f"| {title} | {_measure(measures, path):{form}}{unit} |" for title, path, form, unit in _SUMMARY_ROWS]
    return "\n".join(["| | |", "| --- | --- |", *rows])


def tables(measures: dict[str, Any]) -> str:
    """Return all measures as two Markdown tables."""
    lines = ["| | precision | recall | F1 |", "| --- | --- | --- | --- |"]
    for title, path in _ROWS:
        scores = _measure(measures, path)
        f1 = scores.get("f1", scores.get("hmean"))
        lines.append(f"| {title} | {scores['precision']:.3f} | {scores['recall']:.3f} | {f1:.3f} |")
    seconds, trust = measures["seconds"], measures["trust"]
    lines += [
        "",
        "| | |",
        "| --- | --- |",
        f"| receipts | {measures['receipts']} |",
        f"| character error rate, given boxes | {measures['task2']['given_boxes']['cer']:.3f} |",
        f"| calibration error of field confidences | {trust['ece']:.3f} |",
        f"| straight-through rate at 99% precision | {trust['straight_through']:.3f} |",
        f"| seconds per receipt, median and 95th percentile | {seconds['median']:.2f}, {seconds['p95']:.2f} |",
        f"| startup time, seconds | {seconds['startup']:.1f} |",
        f"| peak memory, gateway and services in one process | {measures['peak_memory_mib']:.0f} MiB |",
        f"| models | {', '.join(f'`{version}`' for version in measures['models'].values())} |",
    ]
    return "\n".join(lines)


def _measure(measures: dict[str, Any], path: str) -> Any:
    """Return the measure at a dotted path."""
    value: Any = measures
    for key in path.split("."):
        value = value[key]
    return value


def _value(value: object) -> str:
    """Format a small value as one line of JSON, a large one with a line per member."""
    if isinstance(value, dict) and len(json.dumps(value)) > 110:
        rows = [f"    {json.dumps(key)}: {json.dumps(part, ensure_ascii=False)}" for key, part in value.items()]
        return "{\n" + ",\n".join(rows) + "\n  }"
    if isinstance(value, list) and len(json.dumps(value)) > 110:
        return "[\n" + ",\n".join(f"    {json.dumps(part, ensure_ascii=False)}" for part in value) + "\n  ]"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()

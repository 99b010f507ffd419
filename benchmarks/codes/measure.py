"""Measures how codes on receipts are read.

    python -m benchmarks.codes --output runs/codes.json [--receipts 10] [--seed 4099] [--countries DE,PT]

Renders receipts with fiscal and payment codes, as scans and as photographs, and damages copies of the scans. No
training uses these seeds. Per kind of picture, the results are the share of codes that are read to the last character,
the share of what those say that is right (tax number, date, total), and the CPU time per page.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.table import Table

from benchmarks.damage import KINDS
from benchmarks.report import write_json
from gateway.codes.finding import find_codes
from gateway.codes.parsing import parse_code
from shared.arrays import Pixels
from shared.contracts import CodeContent
from synthesis.photography.photograph import PictureStyle
from synthesis.world_generator import render_world_receipt

_SCAN = PictureStyle("scan", 0.1, 28)
_PHOTOS = {
    "photo": PictureStyle("photo", 0.2, 30),
    "small photo": PictureStyle("photo", 0.2, 18),
    "tiny photo": PictureStyle("photo", 0.3, 14),
}
_DAMAGES = ("perspective", "blurred", "jpeg_18", "shrunk_60", "table", "crumpled", "turned_90")
_KINDS = ("scan", *_DAMAGES, *_PHOTOS)
# Tills write either local time or UTC into these, so a day may differ.
_UNCERTAIN_DATES = ("gulf-zatca",)
# Attempts per receipt until one has a code.
_MAX_ATTEMPTS = 20


def measure(countries: Sequence[str], count: int, seed: int, output: Path) -> dict[str, Any]:
    """Render and read receipts of each country, and write the file.

    Returns:
        `about`, and in `kinds` for each kind of picture `codes`, `read`, `right` (shares, 0 to 1), `cpu_ms` (mean per
        page), and `standards` (the share that is read, by standard).
    """
    rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _KINDS}
    for country in countries:
        for number in range(count):
            for kind, label, picture in _render(f"codes {seed} {country} {number}", country):
                rows[kind].append(_read(label, picture))
        print(country, {kind: round(_mean(some, "read"), 2) for kind, some in rows.items()}, flush=True)
    results = {
        "about": {"receipts_per_country": count, "seed": seed, "countries": list(countries)},
        "kinds": {kind: _summarize(some) for kind, some in rows.items()},
    }
    write_json(output, results)
    return results


def compare_content(label: dict[str, Any], content: CodeContent | None) -> list[bool]:
    """Return which of the facts that a code states are those of its receipt."""
    if content is None:
        return [False]
    compared = []
    if content.tax_id is not None and label["tax_id"]:
        compared.append(content.tax_id.removeprefix("SK") == label["tax_id"])
    if content.date is not None:
        apart = abs(date.fromisoformat(content.date) - date.fromisoformat(label["date"])).days
        compared.append(apart <= (content.standard in _UNCERTAIN_DATES))
    if content.total is not None:
        compared.append(float(content.total) == float(label["total"]))
    return compared


def build_table(results: dict[str, Any]) -> Table:
    """Return the results as a table."""
    about = results["about"]
    title = f"{about['receipts_per_country']} receipts of each of {len(about['countries'])} countries"
    table = Table(title=title, title_justify="left")
    for name in ("Picture", "Codes", "Read", "Facts right", "CPU ms"):
        table.add_column(name, justify="left" if name == "Picture" else "right")
    for kind, one in results["kinds"].items():
        shares = (f"{100 * one[name]:.1f}%" for name in ("read", "right"))
        table.add_row(kind, str(one["codes"]), *shares, f"{one['cpu_ms']:.0f}")
    return table


def _render(key: str, country: str) -> Iterator[tuple[str, dict[str, Any], Pixels]]:
    """Yield kinds of pictures of a receipt with a code, `(H, W, 3)` BGR."""
    label, seed, scan = _render_coded(key, country, _SCAN)
    yield "scan", label, scan
    for name in _DAMAGES:
        rng = np.random.default_rng(zlib.crc32(f"{seed} {name}".encode()))
        quads = np.zeros((0, 4, 2), np.float32)
        yield name, label, KINDS[name](scan, quads, rng)[0]
    for name, style in _PHOTOS.items():
        label, _, picture = _render_coded(key, country, style)
        yield name, label, picture


def _render_coded(key: str, country: str, style: PictureStyle) -> tuple[dict[str, Any], str, Pixels]:
    for attempt in range(_MAX_ATTEMPTS):
        seed = f"{key} {attempt}"
        receipt = render_world_receipt(seed, {country: 1.0}, style=style, coded=1.0)
        if "code" in receipt.labels:
            return receipt.labels["code"], seed, receipt.image
    raise ValueError(f"Receipts of {country} have no codes.")


def _read(label: dict[str, Any], picture: Pixels) -> dict[str, Any]:
    gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    start = time.process_time()
    codes = find_codes(gray)
    spent_ms = 1000 * (time.process_time() - start)
    texts = [code["text"] for code in codes]
    is_read = label["text"] in texts
    right = compare_content(label, parse_code(label["text"])) if is_read else []
    return {"standard": label["standard"], "read": is_read, "right": right, "cpu_ms": spent_ms}


def _summarize(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    right = [one for row in rows for one in row["right"]]
    by_standard = {name: [row for row in rows if row["standard"] == name] for name in {row["standard"] for row in rows}}
    return {
        "codes": len(rows),
        "read": round(_mean(rows, "read"), 4),
        "right": round(sum(right) / len(right), 4) if right else 0.0,
        "cpu_ms": round(_mean(rows, "cpu_ms"), 1),
        "standards": {name: round(_mean(some, "read"), 4) for name, some in sorted(by_standard.items())},
    }


def _mean(rows: Sequence[dict[str, Any]], name: str) -> float:
    return sum(row[name] for row in rows) / len(rows) if rows else 0.0

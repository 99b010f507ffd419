"""Render the receipts of `synthesis.world`: one at a time, or a folder in the layout of SROIE."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from synthesis.codes.world import write_code
from synthesis.content.accents import AccentScatterer
from synthesis.generator import SyntheticReceipt, photograph, write_receipts
from synthesis.photography.photograph import PictureStyle
from synthesis.printing.layout import Printed
from synthesis.printing.typography import can_print
from synthesis.printing.world_layout import draw_world_face, print_code, print_page
from synthesis.world.countries import CountryError, load_countries
from synthesis.world.labels import collect_labels
from synthesis.world.receipt import WorldReceipt, make_receipt

# Stands for every country, each with its usual share.
_ALL = "ALL"


def parse_shares(text: str) -> dict[str, float] | None:
    """Parse countries and their weights.

    Args:
        text: ISO 3166 codes separated by commas, each with its weight after `=` if it is not 1: `DE,FR=2`; or `all`.

    Returns:
        Weight by code; None for all countries with their usual weights.

    Raises:
        CountryError: If a country is not known, or a weight is not a positive number.
    """
    if text.strip().upper() == _ALL:
        return None
    shares: dict[str, float] = {}
    for part in text.upper().split(","):
        code, equals, share = part.strip().partition("=")
        try:
            shares[code] = float(share) if equals else 1.0
        except ValueError:
            shares[code] = 0.0
        if not 0 < shares[code] < float("inf"):
            raise CountryError(f"The weight in {part.strip()!r} is not a positive number")
    known = load_countries()
    if unknown := sorted(set(shares) - set(known)):
        raise CountryError(f"No receipts of {', '.join(unknown)} can be made; choose from {', '.join(sorted(known))}")
    return shares


def render_world_receipt(
    seed: int | str,
    shares: Mapping[str, float] | None,
    *,
    style: PictureStyle | None = None,
    scattered: float = 0.0,
    coded: float = 0.0,
) -> SyntheticReceipt:
    """Render one receipt of a country of `synthesis.world`. The same seed gives the same receipt.

    Args:
        seed: Any number or text.
        shares: Weight of each country (ISO 3166) to choose from; None for the usual ones.
        style: Wear and kind of picture; drawn if None.
        scattered: Probability of accents and signs at random places of its text, 0 to 1.
        coded: Probability of a fiscal or payment code, 0 to 1, in countries that have them.

    Raises:
        CountryError: If a country is not known.
    """
    chance = random.Random(f"world receipt {seed}")
    receipt = make_receipt(chance.getrandbits(48), shares=shares)
    page = receipt.page
    texts = {piece.text for row in page.rows for cell in row.cells for piece in cell.pieces}
    face, needle = draw_world_face(chance, "".join(sorted(set("".join(texts)))))
    if chance.random() < scattered:
        scatterer = AccentScatterer()
        page.map_text(lambda text: scatterer.scatter(text, chance, partial(can_print, face)))
    printed = print_page(chance, page, face, needle=needle)
    # From choices of its own, so that a seed gives the same print with and without codes.
    code = _print_code(random.Random(f"code {seed}"), receipt, printed, coded)
    picture = photograph(chance, printed, style)
    about = {
        "country": receipt.country,
        "language": receipt.language,
        "currency": load_countries()[receipt.country]["currency"],
    }
    return replace(picture, labels={**about, **collect_labels(page.rows), **code})


def _print_code(rng: random.Random, receipt: WorldReceipt, printed: Printed, coded: float) -> dict[str, Any]:
    """Print a code in some receipts; return its label."""
    if printed.needle or rng.random() >= coded:
        return {}
    code = write_code(receipt, rng)
    if code is None or not print_code(rng, printed.sheet, code.text):
        return {}
    said = code.purchase
    facts = {"tax_id": said.tax_id, "date": said.when.date().isoformat(), "total": str(said.total)}
    return {"code": {"standard": code.standard, "text": code.text, **facts}}


def generate_world(
    out: Path,
    count: int,
    seed: int,
    validation_share: float = 0.05,
    workers: int = 1,
    *,
    shares: Mapping[str, float] | None = None,
    scattered: float = 0.0,
    coded: float = 0.0,
) -> None:
    """Write `count` receipts of countries and a `split.json` into a folder.

    `labels/KEY.json` has country, language, currency, and every labeled text of a receipt, see `collect_labels`.

    Args:
        out: Folder; created if it is missing. Files with the same keys are replaced.
        count: Number of receipts.
        seed: Receipt i of a seed is always the same, whatever `count` and `workers` are.
        validation_share: Share of the receipts in the split `validation`; the rest is `train`.
        workers: Number of processes.
        shares: Weight of each country, see `parse_shares`.
        scattered: Share of the receipts with accents and signs at random places, 0 to 1.
        coded: Share of the receipts with a fiscal or payment code, 0 to 1, in countries that have them.

    Raises:
        ValueError: If a number is out of range.
        CountryError: If a country is not known.
    """
    if not 0 <= scattered <= 1 or not 0 <= coded <= 1:
        raise ValueError("scattered and coded must be from 0 to 1")
    render = partial(render_world_receipt, shares=shares, scattered=scattered, coded=coded)
    write_receipts(render, out, [f"W{seed:04d}-{index:06d}" for index in range(count)], validation_share, workers)

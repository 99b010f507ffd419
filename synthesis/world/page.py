"""Rows of print with the kind of each piece of text, and their positions on a page."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

Align = Literal["left", "right", "center"]

OTHER = ""
UNKNOWN = "?"
"""Text about which the labels say nothing: it repeats a value, or habits differ on whether it belongs to one."""

# Cells closer than this many characters are read as one segment; some that are further apart, too.
_JOINED = 1.6
_SOMETIMES_JOINED, _JOIN_SHARE = 4.0, 0.08


@dataclass(frozen=True)
class Piece:
    """Text of one kind: a class of the extractor, OTHER or UNKNOWN."""

    text: str
    kind: str = OTHER


@dataclass(frozen=True)
class Cell:
    """Text in a column.

    Attributes:
        pieces: Its text.
        align: Which side of the text is at `at`.
        at: Place in the row, 0 (left edge) to 1 (right edge).
    """

    pieces: tuple[Piece, ...]
    align: Align = "left"
    at: float = 0.0

    @property
    def length(self) -> int:
        """Number of characters."""
        return sum(len(piece.text) for piece in self.pieces)


@dataclass(frozen=True)
class Row:
    """Cells on one line.

    Attributes:
        cells: From left to right.
        scale: Size of the characters; 1.0 is usual.
        item: Number of the item that it belongs to, from 1; 0 for none.
        gap: Empty lines above.
    """

    cells: tuple[Cell, ...]
    scale: float = 1.0
    item: int = 0
    gap: float = 0.0


@dataclass(frozen=True)
class Segment:
    """A run of text as a reader finds it.

    Attributes:
        quad: (4, 2) float32 pixels, clockwise from the top left.
        text: The text.
        kinds: Kind of each character.
        item: Number of the item that it belongs to, from 1; 0 for none.
    """

    quad: npt.NDArray[np.float32]
    text: str
    kinds: tuple[str, ...]
    item: int = 0


@dataclass
class Page:
    """A page while it is written.

    Attributes:
        columns: Characters per line.
        rows: The rows so far.
    """

    columns: int
    rows: list[Row] = field(default_factory=list)

    def add(self, *cells: Cell, scale: float = 1.0, item: int = 0, gap: float = 0.0) -> None:
        """Add a row."""
        self.rows.append(Row(cells, scale, item, gap))

    def map_text(self, change: Callable[[str], str]) -> None:
        """Change the text of all pieces; the change must keep the number of characters."""
        self.rows = [
            replace(
                row,
                cells=tuple(
                    replace(cell, pieces=tuple(replace(piece, text=change(piece.text)) for piece in cell.pieces))
                    for cell in row.cells
                ),
            )
            for row in self.rows
        ]


def text_cell(text: str, kind: str = OTHER, align: Align = "left", at: float = 0.0) -> Cell:
    """Return a cell of one kind."""
    return Cell((Piece(text, kind),), align, at)


def capitalize(text: str) -> str:
    """Return a text in upper case with every character in its place."""
    return "".join(upper if len(upper := character.upper()) == 1 else character for character in text)


def strip_accents(text: str) -> str:
    """Return a text without accents, as tills without them print it, with every character in its place."""
    return "".join(unicodedata.normalize("NFD", character)[0] for character in text)


def place_rows(page: Page, chance: random.Random) -> list[Segment]:
    """Give every row its place and return the segments from top to bottom."""
    height = chance.uniform(18.0, 34.0)
    width = height * chance.uniform(0.42, 0.62)
    pitch = height * chance.uniform(1.12, 1.7)
    margin = width * chance.uniform(1.0, 6.0)
    segments: list[Segment] = []
    top = chance.uniform(1.0, 6.0) * height
    for row in page.rows:
        top += row.gap * pitch
        for cells, start in _join_cells(_place_cells(row, page.columns), chance):
            pieces = [piece for cell in cells for piece in cell.pieces]
            text = "".join(piece.text for piece in pieces)
            kinds = [piece.kind for piece in pieces for _ in piece.text]
            first, last = len(text) - len(text.lstrip()), len(text.rstrip())
            if first >= last:
                continue
            left = margin + (start + first * row.scale) * width
            right = left + (last - first) * row.scale * width
            tall = height * (row.scale if row.scale > 1.0 else 1.0) * chance.uniform(0.92, 1.08)
            quad = np.array([[left, top], [right, top], [right, top + tall], [left, top + tall]], np.float32)
            segments.append(Segment(quad, text[first:last], tuple(kinds[first:last]), row.item))
        top += pitch * max(row.scale, 1.0)
    return segments


def _place_cells(row: Row, columns: int) -> list[tuple[Cell, float, float]]:
    """Return the cells with their start and end, in characters of the usual size; none overlap."""
    placed: list[tuple[Cell, float, float]] = []
    end = 0.0
    for cell in row.cells:
        wide = cell.length * row.scale
        shift = {"left": 0.0, "right": wide, "center": wide / 2}[cell.align]
        start = max(cell.at * columns - shift, end)
        placed.append((cell, start, start + wide))
        end = start + wide + 1.0
    return placed


def _join_cells(placed: Sequence[tuple[Cell, float, float]], chance: random.Random) -> list[tuple[list[Cell], float]]:
    """Join cells with little space between them, with a space in the joined text."""
    joined: list[tuple[list[Cell], float]] = []
    end = -np.inf
    for cell, start, stop in placed:
        gap = start - end
        if gap < _JOINED or (gap < _SOMETIMES_JOINED and chance.random() < _JOIN_SHARE):
            before = joined[-1][0]
            kinds = before[-1].pieces[-1].kind, cell.pieces[0].kind
            before += [text_cell(" ", kinds[0] if kinds[0] == kinds[1] else OTHER), cell]
        else:
            joined.append(([cell], start))
        end = stop
    return joined

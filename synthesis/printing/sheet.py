"""A strip of paper that is printed line by line: runs of text with their places in dots, and plain graphics."""

from __future__ import annotations

from dataclasses import dataclass, field

from synthesis.printing.typography import PLAIN, Face, Style, line_height, text_width


@dataclass(frozen=True)
class Run:
    """A text at a place, dots from the strip's top left corner to the top left of its line."""

    text: str
    x: float
    y: float
    style: Style = PLAIN
    labeled: bool = True


@dataclass(frozen=True)
class Graphic:
    """Something that is not text: `kind` is line, bars, code, frame or emblem; x, y, width, height in dots."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass
class Sheet:
    """Collects runs from top to bottom.

    Attributes:
        face: Font of everything printed.
        width: Printable width, dots.
        margin: Blank paper left and right, dots.
        upper: Whether the printer knows capitals only.
    """

    face: Face
    width: float
    margin: float
    upper: bool = False
    y: float = 0.0
    runs: list[Run] = field(default_factory=list)
    graphics: list[Graphic] = field(default_factory=list)

    def measure(self, text: str, style: Style = PLAIN) -> float:
        """Width of a text as it would be printed, dots."""
        return text_width(self.face, style, self.cased(text, style))

    def cased(self, text: str, style: Style = PLAIN) -> str:
        """The text as this printer sets it."""
        return text.upper() if self.upper or (style.face or self.face).capitals else text

    @property
    def space(self) -> float:
        """Width of a blank in the plain style, dots."""
        return text_width(self.face, PLAIN, " ")

    def advance(self, lines: float, style: Style = PLAIN) -> None:
        """Feed the paper by a number of lines."""
        self.y += lines * line_height(self.face, style)

    def put(
        self, text: str, x: float, align: str = "left", style: Style = PLAIN, *, labeled: bool = True
    ) -> Run | None:
        """Print a text on the current line; `x` is its left, middle or right end. Returns the run, None if blank."""
        text = " ".join(self.cased(text, style).split())
        if not text:
            return None
        width = self.measure(text, style)
        left = x - {"left": 0.0, "middle": width / 2, "right": width}[align]
        run = Run(text, max(left, 0.0), self.y, style, labeled)
        self.runs.append(run)
        return run

    def line(self, text: str, align: str = "middle", style: Style = PLAIN) -> None:
        """Print a text alone on one or, if it is too long, several lines."""
        anchor = {"left": 0.0, "middle": self.width / 2, "right": self.width}[align]
        for part in self.wrap(text, self.width, style):
            self.put(part, anchor, align, style)
            self.advance(1, style)

    def wrap(self, text: str, width: float, style: Style = PLAIN) -> list[str]:
        """Break a text at blanks so that no part is wider than `width` (a single long word is cut)."""
        lines: list[str] = []
        for word in text.split():
            if lines and self.measure(f"{lines[-1]} {word}", style) <= width:
                lines[-1] = f"{lines[-1]} {word}"
                continue
            while self.measure(word, style) > width and len(word) > 1:
                cut = max(1, int(len(word) * width / self.measure(word, style)))
                lines.append(word[:cut])
                word = word[cut:]
            lines.append(word)
        return lines

    def fit(self, text: str, width: float, style: Style = PLAIN) -> str:
        """Cut a text so that it is no wider than `width`."""
        while text and self.measure(text, style) > width:
            text = text[:-1]
        return text.rstrip()

    def row(self, cells: list[tuple[str, float, str]], style: Style = PLAIN) -> None:
        """Print several texts on one line, each (text, x, align); one that would run into another goes a line lower."""
        taken: list[tuple[float, float]] = []
        for text, x, align in cells:
            width = self.measure(text, style)
            left = max(0.0, x - {"left": 0.0, "middle": width / 2, "right": width}[align])
            if any(left < end + self.space and start < left + width + self.space for start, end in taken):
                self.advance(1, style)
                taken = []
            if self.put(text, x, align, style):
                taken.append((left, left + width))
        self.advance(1, style)

    def rule(self, character: str) -> None:
        """A line across the paper: of a repeated character, or drawn if `character` is `_`."""
        if character == "_":
            self.graphics.append(Graphic("line", 0, self.y + 0.5 * line_height(self.face), self.width, 2))
        else:
            count = int(self.width / self.measure(character))
            self.put(character * count, 0, labeled=False)
        self.advance(1)

    def draw(self, kind: str, width: float, height: float, x: float | None = None) -> None:
        """Put a graphic on the paper (in the middle unless `x` is given) and feed past it."""
        left = (self.width - width) / 2 if x is None else x
        self.graphics.append(Graphic(kind, left, self.y, width, height))
        self.y += height


def joined(sheet: Sheet) -> list[list[Run]]:
    """Group labeled runs to segments: neighbors on a line whose gap is narrower than about two letters."""
    lines: dict[float, list[Run]] = {}
    for run in sheet.runs:
        if run.labeled:
            lines.setdefault(run.y, []).append(run)
    segments: list[list[Run]] = []
    for y in sorted(lines):
        current: list[Run] = []
        for run in sorted(lines[y], key=lambda r: r.x):
            if current:
                last = current[-1]
                gap = run.x - (last.x + text_width(sheet.face, last.style, last.text))
                if gap < 0.62 * sheet.face.size * max(run.style.wide, last.style.wide):
                    current.append(run)
                    continue
                segments.append(current)
            current = [run]
        segments.append(current)
    return segments

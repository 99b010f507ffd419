"""Print on a strip of paper line by line: runs of text and graphics, with positions in dots."""

from __future__ import annotations

from dataclasses import dataclass, field

from synthesis.printing.typography import PLAIN, Face, Style, measure_line, measure_text


@dataclass(frozen=True)
class Run:
    """A text at a position in dots, from the top left corner of the strip to the top left corner of the line."""

    text: str
    x: float
    y: float
    style: Style = PLAIN
    labeled: bool = True


@dataclass(frozen=True)
class Graphic:
    """A graphic.

    `kind` is line, bars, code, frame or emblem; x, y, width and height are in dots. `text` is what a code says; without
    it, its modules are random.
    """

    kind: str
    x: float
    y: float
    width: float
    height: float
    text: str = ""


@dataclass
class Sheet:
    """A strip that collects runs from top to bottom.

    Attributes:
        face: Default font.
        width: Printable width in dots.
        margin: Blank paper left and right in dots.
        upper: Whether the printer has capitals only.
        y: Top of the current line in dots.
        runs: Texts printed so far.
        graphics: Graphics printed so far.
    """

    face: Face
    width: float
    margin: float
    upper: bool = False
    y: float = 0.0
    runs: list[Run] = field(default_factory=list)
    graphics: list[Graphic] = field(default_factory=list)

    def measure(self, text: str, style: Style = PLAIN) -> float:
        """Return the width of a text as printed, in dots."""
        return measure_text(self.face, style, self.apply_case(text, style))

    def apply_case(self, text: str, style: Style = PLAIN) -> str:
        """Return the text in the case in which this printer prints it."""
        return text.upper() if self.upper or (style.face or self.face).capitals else text

    @property
    def space(self) -> float:
        """Width of a space in the plain style, in dots."""
        return measure_text(self.face, PLAIN, " ")

    def advance(self, lines: float, style: Style = PLAIN) -> None:
        """Feed the paper by a number of lines."""
        self.y += lines * measure_line(self.face, style)

    def print_at(
        self, text: str, x: float, align: str = "left", style: Style = PLAIN, *, labeled: bool = True
    ) -> Run | None:
        """Print a text on the current line.

        Args:
            text: Text; runs of white space become one space.
            x: Left, middle or right end of the text in dots, by `align`.
            align: `left`, `middle` or `right`.
            style: Style of the text.
            labeled: Whether the text is part of a labeled segment.

        Returns:
            The run, or None if the text is blank.
        """
        text = " ".join(self.apply_case(text, style).split())
        if not text:
            return None
        width = self.measure(text, style)
        left = x - {"left": 0.0, "middle": width / 2, "right": width}[align]
        run = Run(text, max(left, 0.0), self.y, style, labeled)
        self.runs.append(run)
        return run

    def print_line(self, text: str, align: str = "middle", style: Style = PLAIN) -> None:
        """Print a text alone on one line, or on several if it is too long."""
        anchor = {"left": 0.0, "middle": self.width / 2, "right": self.width}[align]
        for part in self.wrap(text, self.width, style):
            self.print_at(part, anchor, align, style)
            self.advance(1, style)

    def wrap(self, text: str, width: float, style: Style = PLAIN) -> list[str]:
        """Break a text at spaces so that no part is wider than `width`; a single long word is cut."""
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

    def truncate(self, text: str, width: float, style: Style = PLAIN) -> str:
        """Truncate a text so that it is not wider than `width`."""
        while text and self.measure(text, style) > width:
            text = text[:-1]
        return text.rstrip()

    def print_row(self, cells: list[tuple[str, float, str]], style: Style = PLAIN) -> None:
        """Print cells (text, x, align) on one line; a cell that would overlap another moves one line down."""
        taken: list[tuple[float, float]] = []
        for text, x, align in cells:
            width = self.measure(text, style)
            left = max(0.0, x - {"left": 0.0, "middle": width / 2, "right": width}[align])
            if any(left < end + self.space and start < left + width + self.space for start, end in taken):
                self.advance(1, style)
                taken = []
            if self.print_at(text, x, align, style):
                taken.append((left, left + width))
        self.advance(1, style)

    def print_rule(self, character: str) -> None:
        """Print a line across the paper: of a repeated character, or drawn if `character` is `_`."""
        if character == "_":
            self.graphics.append(Graphic("line", 0, self.y + 0.5 * measure_line(self.face), self.width, 2))
        else:
            count = int(self.width / self.measure(character))
            self.print_at(character * count, 0, labeled=False)
        self.advance(1)

    def draw_graphic(self, kind: str, width: float, height: float, x: float | None = None, *, text: str = "") -> None:
        """Put a graphic on the paper, centered unless `x` is given, and feed past it."""
        left = (self.width - width) / 2 if x is None else x
        self.graphics.append(Graphic(kind, left, self.y, width, height, text))
        self.y += height


def group_segments(sheet: Sheet) -> list[list[Run]]:
    """Group labeled runs into segments: neighbors on a line with a gap narrower than about two letters."""
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
                gap = run.x - (last.x + measure_text(sheet.face, last.style, last.text))
                if gap < 0.62 * sheet.face.size * max(run.style.wide, last.style.wide):
                    current.append(run)
                    continue
                segments.append(current)
            current = [run]
        segments.append(current)
    return segments

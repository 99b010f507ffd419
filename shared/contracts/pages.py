"""Pages, segments and their text: responses of detector and recognizer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.contracts.base import QUAD_EXAMPLE, Contract, Orientation, Probability, Quad, Rotation


class PageSize(Contract):
    """Size of one page in pixels, as sent."""

    width: int = Field(ge=1, examples=[619])
    height: int = Field(ge=1, examples=[1207])


class TurnedPage(PageSize):
    """Size of one page, and how it is turned."""

    rotation: Rotation = Field(
        default=0,
        description="Degrees clockwise by which the text on the page is turned. Turn the page counterclockwise by as "
        "many degrees to make it upright. Always 0 with the orientation `upright`.",
    )
    mirrored: bool = Field(
        default=False,
        description="Whether the page shows the text as in a mirror. After turning it, flip it left to right to read "
        "it. Quads run counterclockwise then, still from the top left of the text.",
    )


class CutEdges(Contract):
    """Whether text is cut off at the edges of a page, seen with the text upright."""

    left: Probability = 0.0
    top: Probability = 0.0
    right: Probability = 0.0
    bottom: Probability = 0.0


class PictureQuality(Contract):
    """What makes a picture hard to read: scores from 0 (not at all) to 1 (strongly); it matters from about 0.5."""

    blur: Probability = Field(description="The text is out of focus or moved.", examples=[0.03])
    darkness: Probability = Field(description="The paper is dark.", examples=[0.0])
    glare: Probability = Field(
        description="Light hides parts of the text. Not found on paper that is nearly white in the whole picture.",
        examples=[0.0],
    )
    low_resolution: Probability = Field(description="The text has too few pixels.", examples=[0.02])
    cut_off: CutEdges


class PageQuality(PictureQuality):
    """What makes a page hard to read, or its receipt hard to find; scores from 0 to 1."""

    no_receipt: Probability = Field(description="The page has hardly any text.", examples=[0.0])
    several_receipts: Probability = Field(description="The page shows several receipts.", examples=[0.0])
    unreadable: Probability = Field(
        description="The page has text, but it could not be read: do not rely on the fields.", examples=[0.0]
    )


class Page(TurnedPage):
    """One page of a receipt."""

    index: int = Field(default=0, ge=0, description="Index of the page in the file as sent, counted from 0.")
    outline: Quad | None = Field(
        default=None,
        description="Outline of this receipt on the page, if it is one of several there. null for the whole page.",
    )
    receipts: list[Quad] = Field(
        default=[],
        description="Outlines of the separate receipts on the page, if there are several. They were read as one, "
        "unless `split` was `receipts` or `auto`.",
    )
    quality: PageQuality | None = Field(default=None, description="What makes the page hard to read.")


class Segment(Contract):
    """One run of text in a picture; a wide gap in a row separates two segments."""

    quad: Quad = Field(examples=[QUAD_EXAMPLE])
    score: Probability = Field(description="Probability that this is text.", examples=[0.97])


class ReceiptArea(Contract):
    """A part of a page that looks like one of several receipts."""

    outline: Quad = Field(description="Rectangle around its text, along the text.", examples=[QUAD_EXAMPLE])
    score: Probability = Field(
        description="Probability, by positions and pixels only, that it is a receipt of its own.", examples=[0.95]
    )


class DetectResponse(Contract):
    """Segments of one picture."""

    page: TurnedPage
    segments: list[Segment]
    receipts: list[ReceiptArea] = Field(
        default=[], description="Areas of separate receipts, neighbors next to each other; empty if there is only one."
    )
    quality: PictureQuality | None = Field(default=None, description="What makes the picture hard to read.")
    orientation: Orientation = Field(
        default="auto", description="Whether the rotation was detected (`auto`) or was not to be (`upright`)."
    )
    model: str = Field(
        description="Version: name, date and hash of the weights.", examples=["ctpn-2026-11-22-1a2b3c4d"]
    )


class RecognizedText(Contract):
    """Text of one segment."""

    text: str = Field(examples=["TAN WOON YANN"])
    confidence: Probability = Field(examples=[0.97])
    gaps: list[tuple[Probability, Probability]] = Field(
        default=[],
        description="Start and stop of the gap before each word but the first, as shares of the width of the quad; "
        "empty for text that is turned on its side in the quad.",
        examples=[[[0.2, 0.24], [0.58, 0.63]]],
    )


class RecognizeResponse(Contract):
    """Texts of the segments, in the order of the quads."""

    texts: list[RecognizedText]
    model: str = Field(examples=["crnn-2026-11-22-1a2b3c4d"])


class Line(Contract):
    """One text segment of a receipt: text and position."""

    page: int = Field(default=0, ge=0, description="Index of the page, counted from 0.")
    quad: Quad = Field(examples=[QUAD_EXAMPLE])
    text: str = Field(examples=["TAN WOON YANN"])
    confidence: Probability = Field(examples=[0.97])
    source: Literal["print", "text_layer"] = Field(
        default="print",
        description="text_layer: the text of a PDF, which its print confirms; print: read from the picture.",
    )

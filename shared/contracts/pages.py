"""Pages, segments and their text: responses of detector and recognizer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.contracts.base import QUAD_EXAMPLE, Contract, Orientation, Probability, Quad, Rotation


class PageSize(Contract):
    """Size of one page in pixels, as sent."""

    width: int = Field(ge=1, examples=[619])
    height: int = Field(ge=1, examples=[1207])


class Page(PageSize):
    """One page of a receipt."""

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


class Segment(Contract):
    """One run of text in a picture; a wide gap in a row separates two segments."""

    quad: Quad = Field(examples=[QUAD_EXAMPLE])
    score: Probability = Field(description="Probability that this is text.", examples=[0.97])


class DetectResponse(Contract):
    """Segments of one picture."""

    page: Page
    segments: list[Segment]
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

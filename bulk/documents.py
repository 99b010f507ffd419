"""What passes between the stages: a row per document, with its pixels and what the stages have found so far.

All columns are deterministic: Ray computes lost blocks again and takes only those that are missing, so a stage has to
divide its rows into the same blocks each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter

from gateway.documents.renderer import PageImage
from gateway.reading.page_reader import PageReading
from shared.arrays import Pixels
from shared.contracts import Code, DetectResponse
from shared.problems import ProblemError

SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("member", pa.string()),
        pa.field("state", pa.large_binary(), nullable=False),
        pa.field("pixels", pa.list_(pa.large_binary())),
    ]
)


@dataclass
class Fault:
    """Why a document could not be read; see `shared.problems.ProblemError`."""

    status: int
    code: str
    title: str
    detail: str


@dataclass
class Document:
    """A picture or document on its way.

    Attributes:
        source: The file or shard.
        member: The member of a shard.
        sha256: Hash of the bytes, in hexadecimal; None if they could not be read.
        images: The pages, without their data.
        sizes: Height and width of the pixels of each page, as long as there are pixels.
        codes: QR codes and barcodes of each page; None if they could not be read.
        detections: What the detector found on each page.
        readings: What was read on each page.
        models: Versions of the models of the stages so far.
        fault: Why it could not be read; None if it was.
    """

    source: str
    member: str | None = None
    sha256: str | None = None
    images: list[PageImage] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    codes: list[list[Code] | None] = field(default_factory=list)
    detections: list[DetectResponse] = field(default_factory=list)
    readings: list[PageReading] = field(default_factory=list)
    models: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None

    def fail(self, problem: ProblemError) -> None:
        """Note why the document cannot be read, and forget what was found on it."""
        self.fault = Fault(problem.status, problem.code, problem.title, str(problem.detail))
        self.images, self.sizes, self.codes, self.detections, self.readings = [], [], [], [], []


_STATE = TypeAdapter(Document)


def build_table(documents: Sequence[Document], pixels: Sequence[Sequence[Pixels]]) -> pa.Table:
    """Return documents with the pixels of their pages, `(H, W)` gray each."""
    table = _build_columns(documents)
    buffers = [[page.tobytes() for page in pages] for pages in pixels]
    return table.append_column(SCHEMA.field("pixels"), pa.array(buffers, SCHEMA.field("pixels").type))


def replace_states(table: pa.Table, documents: Sequence[Document]) -> pa.Table:
    """Return a table with what the documents have become, and the pixels of those that still have sizes."""
    field, pixels = SCHEMA.field("pixels"), table.column("pixels")
    kept = [bool(document.sizes) for document in documents]
    if not any(kept):
        pixels = pa.nulls(len(kept), field.type)
    elif not all(kept):
        pixels = pc.if_else(pa.array(kept), pixels, pa.scalar(None, field.type))
    return _build_columns(documents).append_column(field, pixels)


def read_documents(table: pa.Table) -> list[Document]:
    """Return the documents of a table, without pixels."""
    return [_STATE.validate_json(state) for state in table.column("state").to_pylist()]


def read_pixels(table: pa.Table, documents: Sequence[Document]) -> list[list[Pixels]]:
    """Return the pixels of the pages of each document, `(H, W)` gray each, without a copy; do not write to them."""
    return [
        [
            np.frombuffer(page.as_buffer(), np.uint8).reshape(size)
            for page, size in zip(pages.values, document.sizes, strict=True)
        ]
        if document.sizes
        else []
        for pages, document in zip(table.column("pixels"), documents, strict=True)
    ]


def _build_columns(documents: Sequence[Document]) -> pa.Table:
    rows = [
        {"source": one.source, "member": one.member, "state": _STATE.dump_json(one, exclude_none=True)}
        for one in documents
    ]
    return pa.Table.from_pylist(rows, pa.schema([SCHEMA.field(name) for name in ("source", "member", "state")]))

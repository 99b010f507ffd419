"""The records of an evaluation: labeled receipts with everything the chain answered, stored as JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from shared.contracts import Fields, Quad, Receipt
from shared.learning.labels import DatasetError
from shared.validation_messages import explain_error


class LabeledLine(BaseModel):
    """A segment as the data set labels it; `label` is the kind of its text, if the data set has kinds."""

    quad: Quad
    text: str
    label: str = ""


class Record(BaseModel):
    """One labeled receipt and everything the chain answered about it.

    Attributes:
        key: Name of the receipt in its data set.
        unseen_company: Whether no receipt of the training split has the same company; None if the data set does not
            say.
        labels: Labeled segments.
        entities: Labeled values of the four fields, '' if absent.
        alternatives: Other correct values per field.
        ignored: Quads of illegible print.
        spaced: Whether the labels contain the printed spaces.
        receipt: The answer of the whole chain to the picture; None if the chain rejected it.
        given_boxes: What the recognizer read in each labeled quad, in the order of `labels`.
        given_text: What the extractor found in the labeled segments.
        seconds: Time from the bytes of the picture to the bytes of the answer.
        problem: Why the chain rejected the picture or a stage failed; None if neither happened.
    """

    key: str
    unseen_company: bool | None = None
    labels: list[LabeledLine]
    entities: dict[str, str]
    alternatives: dict[str, list[str]] = {}
    ignored: list[Quad] = []
    spaced: bool = True
    receipt: Receipt | None = None
    given_boxes: list[str] = []
    given_text: Fields = Fields()
    seconds: float = 0.0
    problem: str | None = None

    @property
    def fields(self) -> Fields:
        """The fields found in the picture; all None if the chain rejected it."""
        return self.receipt.fields if self.receipt else Fields()

    @property
    def label_quads(self) -> list[Quad]:
        """The quads of the labeled segments."""
        return [line.quad for line in self.labels]

    @property
    def label_texts(self) -> list[str]:
        """The texts of the labeled segments."""
        return [line.text for line in self.labels]

    @property
    def found_quads(self) -> list[Quad]:
        """The quads of the lines found in the picture."""
        return [line.quad for line in self.receipt.lines] if self.receipt else []

    @property
    def found_texts(self) -> list[str]:
        """The texts of the lines found in the picture."""
        return [line.text for line in self.receipt.lines] if self.receipt else []

    @property
    def readings_in_boxes(self) -> list[str]:
        """What the recognizer read in each labeled quad; an empty text per label if the recognizer failed."""
        return self.given_boxes or [""] * len(self.labels)

    def accepted_values(self, name: str) -> list[str]:
        """Return every correct value of a field; `['']` if the receipt does not have it."""
        return [self.entities.get(name) or "", *self.alternatives.get(name, [])]


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records as JSON lines; create the folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(record.model_dump_json() + "\n")


def read_records(path: Path) -> list[Record]:
    """Read what `write_records` wrote.

    Raises:
        DatasetError: If the file cannot be read or a line is not a record of this version.
    """
    return list(_parse_records(path))


def _parse_records(path: Path) -> Iterator[Record]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            yield Record.model_validate_json(line)
        except ValidationError as error:
            reason = explain_error(error.errors()[0])
            raise DatasetError(f"{path}, line {number} is not a record of this version: {reason}") from error

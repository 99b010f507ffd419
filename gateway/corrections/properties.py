"""What people say about a whole receipt: country, currency, language and document type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import get_args

from gateway.corrections.items import build_invalid_problem
from shared.contracts import DocumentType, PropertyCorrection, PropertyName, Receipt
from shared.normalization.cldr import load_cldr

PROPERTIES: tuple[PropertyName, ...] = get_args(PropertyName)


def build_properties(
    changes: Mapping[PropertyName, str | None], receipt: Receipt, *, author: str | None, at: datetime
) -> dict[PropertyName, PropertyCorrection]:
    """Build corrected properties; raise `ProblemError` 422 `correction-invalid`, which names the property."""
    return {
        name: PropertyCorrection(
            value=_normalize(name, value), model_value=get_property(receipt, name), author=author, at=at
        )
        for name, value in changes.items()
    }


def get_property(receipt: Receipt, name: PropertyName) -> str | None:
    """Return a property as the models read it."""
    if name == "document_type":
        return receipt.document_type
    inference = {"country": receipt.country, "currency": receipt.currency, "language": receipt.language}[name]
    return inference.value if inference is not None else None


def _normalize(name: PropertyName, value: str | None) -> str | None:
    if value is None:
        return None
    read, example = _KINDS[name]
    code = read(value.strip())
    if code is None:
        raise build_invalid_problem(name, name.replace("_", " "), f"it is not known. Write it as {example}")
    return code


def _read_country(text: str) -> str | None:
    return text.upper() if text.upper() in load_cldr().territories else None


def _read_currency(text: str) -> str | None:
    known = {code for territory in load_cldr().territories.values() for code in territory.currencies}
    return text.upper() if text.upper() in known else None


def _read_language(text: str) -> str | None:
    known = {code for territory in load_cldr().territories.values() for code in territory.languages}
    return text.lower() if text.lower() in known else None


def _read_document_type(text: str) -> str | None:
    code = text.lower().replace(" ", "_")
    return code if code in get_args(DocumentType) else None


_KINDS: Mapping[PropertyName, tuple[Callable[[str], str | None], str]] = {
    "country": (_read_country, "an ISO 3166 code, such as MY"),
    "currency": (_read_currency, "an ISO 4217 code, such as MYR"),
    "language": (_read_language, "an ISO 639 code, such as ms"),
    "document_type": (_read_document_type, f"one of {', '.join(get_args(DocumentType))}"),
}

"""A statement about a receipt that was not read from its print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shared.contracts import Code, CodeTax, Quad

# Tills do not agree whether its time is local or in UTC, so its date may be a day off.
_WITH_UNCERTAIN_DATE = frozenset({"gulf-zatca"})


@dataclass(frozen=True)
class Statement:
    """What a code or an embedded invoice says; None for what it does not say.

    Attributes:
        source: What says it.
        name: Its standard.
        is_strong: Whether it was written by the seller's till, tax office or invoicing for this very purchase. A
            request to pay names the amount due, which may be less than the total.
        page: The page on which it is, or index 0.
        quad: Its outline there; the outline of the page for an embedded invoice.
        has_uncertain_date: Whether its date may be a day off.
    """

    source: Literal["code", "einvoice"]
    name: str
    is_strong: bool
    page: int
    quad: Quad
    country: str | None = None
    seller: str | None = None
    address: str | None = None
    tax_id: str | None = None
    receipt_number: str | None = None
    date: str | None = None
    time: str | None = None
    total: str | None = None
    currency: str | None = None
    tax: str | None = None
    taxes: tuple[CodeTax, ...] = ()
    has_uncertain_date: bool = False

    @property
    def place(self) -> dict[str, Any]:
        """Where it is, for a field that is not printed."""
        return {"page": self.page, "quad": self.quad, "lines": []}


def build_statements(codes: Sequence[Code]) -> list[Statement]:
    """Return what codes say, fiscal codes first."""
    statements = []
    for code in codes:
        content = code.content
        if content is None:
            continue
        said = content.model_dump(exclude={"standard", "kind", "identifiers", "taxes"})
        statements.append(
            Statement(
                source="code",
                name=content.standard,
                is_strong=content.kind == "fiscal",
                page=code.page,
                quad=code.quad,
                taxes=tuple(content.taxes),
                has_uncertain_date=content.standard in _WITH_UNCERTAIN_DATE,
                **said,
            )
        )
    return sorted(statements, key=lambda statement: not statement.is_strong)

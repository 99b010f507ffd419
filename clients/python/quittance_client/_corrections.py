"""Corrections: what people say that the fields of a receipt are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from quittance_client import _calls
from quittance_client._sending import AsyncSender, Sender
from quittance_client.models import (
    Corrections,
    FieldChange,
    FieldName,
    ItemChange,
    Orientation,
    PropertyName,
    TaxRowChange,
)

CorrectionName = FieldName | PropertyName | Literal["items", "taxes"]


class CorrectionsApi:
    """Operations on corrections: `client.corrections`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def save(
        self,
        receipt_id: str,
        fields: Mapping[FieldName, str | FieldChange | None],
        *,
        items: Sequence[ItemChange] | None = None,
        taxes: Sequence[TaxRowChange] | None = None,
        properties: Mapping[PropertyName, str | None] | None = None,
        author: str | None = None,
        orientation: Orientation | None = None,
    ) -> Corrections:
        """Correct what was read on a receipt, and return all its corrections.

        Args:
            receipt_id: ID of the receipt.
            fields: New texts; None means that the field is not on the receipt. Fields left out stay as they are.
            items: All items, which replace those that were read; None leaves them unchanged.
            taxes: All rows of the tax summary; None leaves them unchanged.
            properties: Country (ISO 3166), currency (ISO 4217), language (ISO 639) and document type; None for one that
                the receipt does not show.
            author: Name of the person who corrects; ignored with an API key, whose name is stored instead.
            orientation: The one with which the receipt was read.

        Raises:
            NotFoundError: If the gateway no longer has the receipt.
            InvalidInputError: If a text is not a date, a time or an amount.
        """
        return self._sender.send(
            _calls.correct_receipt(receipt_id, fields, items, taxes, properties or {}, author, orientation)
        )

    def get(self, receipt_id: str) -> Corrections:
        """Return the corrections of a receipt; raise `NotFoundError` if there are none."""
        return self._sender.send(_calls.get_corrections(receipt_id))

    def delete(self, receipt_id: str, *names: CorrectionName) -> None:
        """Delete the corrections of a receipt, or only those of `names`; raise `NotFoundError` if there are none."""
        self._sender.send(_calls.delete_corrections(receipt_id, names))


class AsyncCorrectionsApi:
    """Operations on corrections: `client.corrections`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def save(
        self,
        receipt_id: str,
        fields: Mapping[FieldName, str | FieldChange | None],
        *,
        items: Sequence[ItemChange] | None = None,
        taxes: Sequence[TaxRowChange] | None = None,
        properties: Mapping[PropertyName, str | None] | None = None,
        author: str | None = None,
        orientation: Orientation | None = None,
    ) -> Corrections:
        """Correct fields of a receipt that was read; see `CorrectionsApi.save`."""
        return await self._sender.send(
            _calls.correct_receipt(receipt_id, fields, items, taxes, properties or {}, author, orientation)
        )

    async def get(self, receipt_id: str) -> Corrections:
        """Return the corrections of a receipt; raise `NotFoundError` if there are none."""
        return await self._sender.send(_calls.get_corrections(receipt_id))

    async def delete(self, receipt_id: str, *names: CorrectionName) -> None:
        """Delete the corrections of a receipt, or only those of `names`; raise `NotFoundError` if there are none."""
        await self._sender.send(_calls.delete_corrections(receipt_id, names))

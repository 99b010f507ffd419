"""Exports: receipts that were read before, as one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quittance_client import _calls
from quittance_client._sending import AsyncSender, Sender
from quittance_client.models import ExportFormat, Receipt


class Exports:
    """Operations on exports: `client.exports`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def create(
        self, receipt_ids: Sequence[str], file_format: ExportFormat, *, names: Mapping[str, str] | None = None
    ) -> bytes:
        """Return receipts with their corrections as a file.

        Args:
            receipt_ids: IDs of the receipts, in the order of the rows; at most 10,000.
            file_format: json, jsonl, csv, items-csv (a row per item), codes-csv (a row per QR code or barcode) or xlsx.
            names: Content of the column `file`, by receipt ID.

        Raises:
            NotFoundError: If the gateway no longer has one of the receipts.
        """
        return self._sender.send(_calls.create_export(receipt_ids, file_format, names))

    def convert(
        self, receipts: Sequence[Receipt], file_format: ExportFormat, *, names: Mapping[str, str] | None = None
    ) -> bytes:
        """Return receipts that you have kept as a file, also if the gateway has forgotten them.

        Args:
            receipts: The receipts, in the order of the rows; about 10 MiB as JSON at most.
            file_format: See `create`.
            names: See `create`.
        """
        return self._sender.send(_calls.export_receipts(receipts, file_format, names or {}))


class AsyncExports:
    """Operations on exports: `client.exports`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def create(
        self, receipt_ids: Sequence[str], file_format: ExportFormat, *, names: Mapping[str, str] | None = None
    ) -> bytes:
        """Return receipts with their corrections as a file; see `Exports.create`."""
        return await self._sender.send(_calls.create_export(receipt_ids, file_format, names))

    async def convert(
        self, receipts: Sequence[Receipt], file_format: ExportFormat, *, names: Mapping[str, str] | None = None
    ) -> bytes:
        """Return receipts that you have kept as a file; see `Exports.convert`."""
        return await self._sender.send(_calls.export_receipts(receipts, file_format, names or {}))

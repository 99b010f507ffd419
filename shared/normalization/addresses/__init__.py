"""Street, postal code, city and country of an address, by the postal formats of all countries."""

from __future__ import annotations

from shared.normalization.addresses.split import AddressParts, split_address

__all__ = ["AddressParts", "split_address"]

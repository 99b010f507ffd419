"""Generate synthetic receipts with exact labels, for training and tests."""

from __future__ import annotations

from synthesis.generator import SyntheticReceipt, generate, render_receipt

__all__ = ["SyntheticReceipt", "generate", "render_receipt"]

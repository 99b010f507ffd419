"""Names of files that may hold receipts. What a file is, its first bytes tell; see `shared.pictures.header`."""

from __future__ import annotations

SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".jxl", ".gif", ".bmp", ".tif", ".tiff"),
        ".pdf",
    }
)

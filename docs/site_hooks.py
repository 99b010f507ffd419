"""MkDocs hooks: tables of settings from the code, plain text for links that leave the site, no missing pages."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from gateway.settings import GatewaySettings
from services.detector.settings import DetectorSettings
from services.extractor.settings import ExtractorSettings
from services.recognizer.settings import RecognizerSettings
from shared.service.settings import PREFIX, ServiceSettings

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)")
_SETTINGS = "<!-- settings -->"


def on_config(config: Any) -> Any:
    """Drop pages from the navigation that do not exist."""
    config.nav = _drop_missing(config.nav, Path(config.docs_dir))
    return config


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: object) -> str:
    """Insert the settings, and turn links to files outside the site into plain text."""
    if _SETTINGS in markdown:
        markdown = markdown.replace(_SETTINGS, format_settings())
    docs, folder = Path(config.docs_dir), Path(page.file.abs_src_path).parent

    def keep_inside(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / match[2]))
        return match[0] if target.is_relative_to(docs) else match[1]

    return _LINK.sub(keep_inside, markdown)


def format_settings() -> str:
    """Return all settings as Markdown tables: first the common ones, then those of each application."""
    parts = [_format_table("All applications", ServiceSettings, set())]
    common = set(ServiceSettings.fields())
    for title, settings in (
        ("Gateway", GatewaySettings),
        ("Detector", DetectorSettings),
        ("Recognizer", RecognizerSettings),
        ("Extractor", ExtractorSettings),
    ):
        parts.append(_format_table(title, settings, common))
    return "\n\n".join(parts)


def _format_table(title: str, settings: type[ServiceSettings], without: set[str]) -> str:
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_format_default(field.default)} | "
        f"{(field.description or '').replace('|', '/')} |"
        for name, field in settings.fields().items()
        if name not in without
    ]
    return "\n".join([f"### {title}", "", "| variable | default | meaning |", "| --- | --- | --- |", *rows])


def _format_default(value: object) -> str:
    # Absolute paths are weights next to the code, wherever it is installed.
    if isinstance(value, Path):
        return f"`{value}`" if not value.is_absolute() else "the included model"
    return "none" if value is None else f"`{value}`"


def _drop_missing(entries: list[Any], docs: Path) -> list[Any]:
    """Return the navigation entries whose page exists; an entry is a path, or a title with a path or a list."""
    kept: list[Any] = []
    for entry in entries:
        if isinstance(entry, str):
            kept += [entry] if (docs / entry).is_file() else []
            continue
        ((title, target),) = entry.items()
        if isinstance(target, list):
            target = _drop_missing(target, docs)
        elif not (docs / target).is_file():
            continue
        if target:
            kept.append({title: target})
    return kept

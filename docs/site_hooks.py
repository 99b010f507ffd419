"""What MkDocs does beside its own: settings from the code, links that leave the site, pages that are not there."""

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
    """Leaves pages out of the navigation that are not there, such as figures that nobody measured yet."""
    config.nav = _there(config.nav, Path(config.docs_dir))
    return config


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: object) -> str:
    """Fills in the settings, and makes text of links to files of the repository that the site does not have."""
    if _SETTINGS in markdown:
        markdown = markdown.replace(_SETTINGS, settings_tables())
    docs, here = Path(config.docs_dir), Path(page.file.abs_src_path).parent

    def inside(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(here / match[2]))
        return match[0] if target.is_relative_to(docs) else match[1]

    return _LINK.sub(inside, markdown)


def settings_tables() -> str:
    """All settings: those that every application has, then those of each one."""
    parts = [_table("Of every application", ServiceSettings, set())]
    common = set(ServiceSettings.model_fields)
    for title, settings in (
        ("Gateway", GatewaySettings),
        ("Detector", DetectorSettings),
        ("Recognizer", RecognizerSettings),
        ("Extractor", ExtractorSettings),
    ):
        parts.append(_table(title, settings, common))
    return "\n\n".join(parts)


def _table(title: str, settings: type[ServiceSettings], without: set[str]) -> str:
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_default(field.default)} | {(field.description or '').replace('|', '/')} |"
        for name, field in settings.model_fields.items()
        if name not in without
    ]
    return "\n".join([f"### {title}", "", "| variable | default | what |", "| --- | --- | --- |", *rows])


def _default(value: object) -> str:
    if isinstance(value, Path):  # weights lie beside the code, wherever that is installed
        return f"`{value}`" if not value.is_absolute() else "the model that comes along"
    return "none" if value is None else f"`{value}`"


def _there(entries: list[Any], docs: Path) -> list[Any]:
    kept: list[Any] = []
    for entry in entries:
        ((title, target),) = entry.items()
        if isinstance(target, list):
            target = _there(target, docs)
        elif not (docs / target).is_file():
            continue
        if target:
            kept.append({title: target})
    return kept

"""Writes the OpenAPI schemas of the four apps: `python -m quittance.schemas FOLDER`.

The schemas are committed in `docs/openapi`, so that reviews see every change of the API; a test compares them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from quittance.assembly import SERVICES, create_gateway, create_service

APPS = ("gateway", *SERVICES)


def build_schema(name: str) -> dict[str, Any]:
    """Return the OpenAPI schema of an app with the settings of the environment; loads no weights."""
    app = create_gateway() if name == "gateway" else create_service(name)
    return app.openapi()


def format_schema(schema: dict[str, Any]) -> str:
    """Return a schema as the text of its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(folder: Path) -> None:
    """Write the four schemas into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in APPS:
        (folder / f"{name}.json").write_text(format_schema(build_schema(name)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

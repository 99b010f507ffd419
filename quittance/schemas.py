"""The OpenAPI schemas of the four applications as files: `python -m quittance.schemas FOLDER` writes them.

They are checked in under `docs/openapi`, so that a change of the API is seen in review; a test compares them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from quittance.assembly import SERVICES, embedded_gateway, service_app

APPS = ("gateway", *SERVICES)


def schema_of(name: str) -> dict[str, Any]:
    """The OpenAPI schema of the gateway or of a service, with the settings of the environment; loads no weights."""
    app = embedded_gateway() if name == "gateway" else service_app(name)
    return app.openapi()


def rendered(schema: dict[str, Any]) -> str:
    """A schema as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(folder: Path) -> None:
    """Writes the four schemas into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in APPS:
        (folder / f"{name}.json").write_text(rendered(schema_of(name)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Running the command line in this process, and responses of a stand-in gateway for it."""

from __future__ import annotations

from typing import Any

from typer.testing import CliRunner, Result

from quittance import cli

RECEIPT: dict[str, Any] = {
    "id": "b1946ac92492d2347c6235b4d2611184",
    "pages": [{"width": 200, "height": 100, "rotation": 0}],
    "fields": {
        "company": {
            "value": "[b]OOK SHOP",
            "confidence": 0.98,
            "page": 0,
            "quad": [[10, 10], [150, 10], [150, 30], [10, 30]],
            "lines": [0],
            "corrected": False,
        },
        "date": None,
        "address": None,
        "total": {
            "value": "RM 9.00",
            "amount": "9.00",
            "currency": "MYR",
            "confidence": 0.5,
            "page": 0,
            "quad": [[10, 60], [90, 60], [90, 80], [10, 80]],
            "lines": [1],
            "corrected": False,
        },
    },
    "lines": [
        {"page": 0, "quad": [[10, 10], [150, 10], [150, 30], [10, 30]], "text": "[b]OOK SHOP", "confidence": 0.97},
        {"page": 0, "quad": [[10, 60], [90, 60], [90, 80], [10, 80]], "text": "RM 9.00", "confidence": 0.97},
    ],
    "models": {"detector": "ctpn-1", "recognizer": "crnn-1", "extractor": "charlstm-1"},
    "timings_ms": {"decode": 4.1, "detect": 120.3, "recognize": 88.0, "extract": 6.2},
    "cached": False,
    "corrections": None,
}
PROBLEM = {
    "type": "urn:quittance:problem:picture-damaged",
    "title": "The picture is damaged",
    "status": 422,
    "detail": "The JPEG ends early. Send the whole file.",
}


def run_command(*arguments: object) -> Result:
    """Run `quittance` with some arguments."""
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])

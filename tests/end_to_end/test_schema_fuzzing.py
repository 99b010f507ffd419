"""Requests made up from the OpenAPI schemas: every answer is one that a schema tells, and none is a server's fault."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deployment import Deployment

# Numbers are also taken as text or truth values, and some of what a schema allows is refused for what it means (a line
# on a page that is not there): both on purpose.
EXCLUDED = "negative_data_rejection,positive_data_acceptance"
# A caller who grants no time gets 504, which is not an error of the server.
SETTINGS = """\
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "504"]
"""


@pytest.mark.parametrize("app", ["gateway", "detector", "recognizer", "extractor"])
def test_answers_are_as_the_schema_says(deployment: Deployment, app: str, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("schemathesis")), "run"]
    command += [f"{getattr(deployment, app).url}/openapi.json", "--phases", "examples,coverage,fuzzing"]
    command += ["--max-examples", "10", "--seed", "1", "--request-timeout", "60", "--no-color"]
    command += ["--exclude-checks", EXCLUDED]
    (tmp_path / "schemathesis.toml").write_text(SETTINGS, encoding="utf-8")
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert result.returncode == 0, result.stdout[-6000:]
    assert "Tested: " in result.stdout

"""Requests generated from the OpenAPI schemas: every response matches the schema, and none is a server error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deployment import Deployment

# Both are intended: numbers are accepted as text or booleans, and some valid requests are rejected for their meaning
# (such as a line on a page that does not exist).
EXCLUDED_CHECKS = "negative_data_rejection,positive_data_acceptance"
# A timeout that the caller sets too short gives 504.
SETTINGS = """\
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "504"]
"""


@pytest.mark.parametrize("app", ["gateway", "detector", "recognizer", "extractor"])
def test_responses_match_the_schema(deployment: Deployment, app: str, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("schemathesis")), "run"]
    command += [f"{getattr(deployment, app).url}/openapi.json", "--phases", "examples,coverage,fuzzing"]
    command += ["--max-examples", "5", "--seed", "1", "--request-timeout", "60", "--no-color"]
    command += ["--exclude-checks", EXCLUDED_CHECKS]
    (tmp_path / "schemathesis.toml").write_text(SETTINGS, encoding="utf-8")
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert result.returncode == 0, result.stdout[-6000:]
    assert "Tested: " in result.stdout

"""The files of .github are well-formed, and the workflow runs the same checks as a contributor."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FORMS = ("bug", "wrong-reading", "feature")
KINDS = {"markdown", "input", "textarea", "dropdown", "checkboxes"}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FORMS)
def test_issue_form_is_complete(repository: Path, name: str) -> None:
    form = load(repository / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml")
    assert {"name", "description", "body"} <= set(form)
    inputs = [one for one in form["body"] if one["type"] != "markdown"]
    assert {one["type"] for one in form["body"]} <= KINDS
    assert all(one["attributes"]["label"] for one in inputs)
    assert len({one["id"] for one in inputs}) == len(inputs)


def test_there_are_no_other_forms(repository: Path) -> None:
    found = {path.stem for path in (repository / ".github" / "ISSUE_TEMPLATE").iterdir()}
    assert found == {*FORMS, "config"}


def test_workflow_runs_the_checks_of_contributors(repository: Path) -> None:
    workflow = load(repository / ".github" / "workflows" / "ci.yml")
    commands = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in workflow["jobs"].items()}
    assert commands == {"check": [".ci/run"], "coverage": ["make coverage"]}
    assert workflow["permissions"] == {"contents": "read"}
    script = (repository / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^make (\S+)$", script, re.MULTILINE) == ["check", "check-kubernetes", "test"]

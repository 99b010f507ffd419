"""The lock files of the container images match pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

NAMES = ("build", "bulk", "gateway", "models")
_REFRESH = "the lock files are out of date: run `make lock`"


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def locks(repository: Path) -> dict[str, str]:
    folder = repository / "deploy" / "requirements"
    assert {path.name for path in folder.iterdir()} == {f"{name}.txt" for name in NAMES}
    return {name: (folder / f"{name}.txt").read_text(encoding="utf-8") for name in NAMES}


def pins(lock: str) -> set[str]:
    return set(re.findall(r"^([\w.-]+==[^\s;]+)", lock, re.MULTILINE))


def normalized(requirements: list[str]) -> set[str]:
    return {requirement.lower().replace("_", "-") for requirement in requirements}


def test_locks_have_the_pins_of_the_project(project: dict[str, Any], locks: dict[str, str]) -> None:
    traces = project["project"]["optional-dependencies"]["traces"]
    dependencies, group = project["project"]["dependencies"], project["dependency-groups"]["gateway"]
    assert normalized([*dependencies, *traces]) <= pins(locks["models"]), _REFRESH
    assert normalized([*group, *traces]) <= pins(locks["gateway"]), _REFRESH
    bulk = [*project["project"]["optional-dependencies"]["bulk"], *project["dependency-groups"]["cluster"]]
    assert {re.sub(r"\[\w+\]", "", line) for line in normalized(bulk)} <= pins(locks["bulk"]), _REFRESH
    built_with = {requirement.split(">")[0] for requirement in project["build-system"]["requires"]}
    assert {pin.split("==")[0] for pin in pins(locks["build"])} == built_with | {"pip"}


def test_gateway_has_the_versions_of_the_models(locks: dict[str, str]) -> None:
    """Both are installed into the same environment in the images of the services."""
    assert pins(locks["gateway"]) < pins(locks["models"]) < pins(locks["bulk"]), _REFRESH


def test_gateway_has_no_library_for_networks(locks: dict[str, str]) -> None:
    names = {pin.split("==")[0] for pin in pins(locks["gateway"])}
    assert not names & {"openvino", "opencv-python-headless", "safetensors", "torch"}
    assert "torch" not in {pin.split("==")[0] for pin in pins(locks["models"])}


@pytest.mark.parametrize("name", NAMES)
def test_every_package_has_hashes_and_no_source(locks: dict[str, str], name: str) -> None:
    lines = [line for line in locks[name].splitlines() if not line.startswith("#")]
    entries = "\n".join(lines).replace("\\\n", " ").splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[^\s;]+( ;[^-]+)?\s+(--hash=sha256:[0-9a-f]{64}\s*)+", one) for one in entries)
    assert not re.search(r"://|^-", locks[name], re.MULTILINE)


def test_images_install_locked_packages_only(repository: Path) -> None:
    text = (repository / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
    installs = [command for command in re.split(r"&&|\n|;", text) if re.search(r"\bpip\b.* install ", command)]
    assert len(installs) >= 6
    for command in installs:
        locked = re.search(r"--require-hashes -r deploy/requirements/\w+\.txt", command)
        own_wheel = "--no-deps --no-index dist/*.whl" in command
        assert locked or own_wheel or "${TORCH_INDEX}" in command, command

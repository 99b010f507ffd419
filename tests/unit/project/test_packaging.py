"""The dependencies that the code imports are the ones that `pyproject.toml` declares, in the right group."""

from __future__ import annotations

import functools
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from tests.support.import_graph import find_modules, imported_names, reachable_names

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("bulk", "gateway", "quittance", "quittance_client", "services", "shared", "synthesis")
MODULES = find_modules(ROOT, PACKAGES) | find_modules(ROOT / "clients" / "python", PACKAGES)
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES: list[str] = PROJECT["project"]["dependencies"]
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
GATEWAY_GROUP: list[str] = PROJECT["dependency-groups"]["gateway"]
# Only training uses torchvision, and only where it is installed.
UNDECLARED = {"torchvision"}
TORCH_ENGINES = [module for module in MODULES if module.endswith(".torch_engine")]


@functools.cache
def distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def distribution_names(requirements: Iterable[str]) -> set[str]:
    return {normalize(requirement.split("==")[0].partition("[")[0]) for requirement in requirements}


def normalize(name: str) -> str:
    return name.lower().replace("_", "-")


def undeclared(names: Iterable[str], declared: set[str]) -> set[str]:
    """The top-level modules among some imported names that no declared distribution provides."""
    foreign = {name.split(".")[0] for name in names} - {*PACKAGES, *sys.stdlib_module_names}
    return {
        name for name in foreign if not {normalize(owner) for owner in distributions().get(name, [name])} & declared
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_every_import_is_declared(package: str) -> None:
    extras = [line for name in ("bulk", "train", "torch", "traces") for line in EXTRAS[name]]
    declared = distribution_names([*DEPENDENCIES, *extras])
    files = [path for module, path in MODULES.items() if module.split(".")[0] == package]
    assert undeclared({name for path in files for name in imported_names(path)}, declared) <= UNDECLARED


@pytest.mark.parametrize(
    "module",
    [
        "quittance.cli",
        "quittance.assembly",
        *(f"services.{name}.app" for name in ("detector", "recognizer", "extractor")),
    ],
)
def test_serving_needs_no_extras(module: str) -> None:
    # Torch engines and OpenTelemetry are loaded only where the settings ask for them, Ray only by its command.
    names = reachable_names(module, MODULES, skip=[*TORCH_ENGINES, "shared.inference.device", "opentelemetry", "bulk"])
    assert len(names) > 10
    assert undeclared(names, distribution_names(DEPENDENCIES)) == set()


def test_gateway_needs_only_its_group() -> None:
    names = set[str]().union(
        *(
            reachable_names(module, MODULES, skip=["opentelemetry"])
            for module in ("gateway.app", "shared.service.server")
        )
    )
    assert undeclared(names, distribution_names(GATEWAY_GROUP)) == set()


def test_versions_are_exact() -> None:
    everything = [*DEPENDENCIES, *(line for extra in EXTRAS.values() for line in extra)]
    assert [line for line in everything if "==" not in line and not line.startswith("quittance[")] == []


def test_gateway_group_is_a_subset_without_networks() -> None:
    assert len(distribution_names(DEPENDENCIES)) == len(DEPENDENCIES)
    assert set(GATEWAY_GROUP) <= set(DEPENDENCIES)
    assert not distribution_names(GATEWAY_GROUP) & {"opencv-python-headless", "openvino", "safetensors", "torch"}

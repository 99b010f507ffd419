"""What the code imports is what the package asks for, and what it asks for is split as it should be."""

from __future__ import annotations

import ast
import functools
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
OWN = ("gateway", "quittance", "services", "shared", "synthesis")
SERVICES = ("detector", "recognizer", "extractor")


@functools.cache
def distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def names(requirements: list[str]) -> set[str]:
    return {requirement.split("==")[0].lower().replace("_", "-") for requirement in requirements}


def imported(path: Path) -> set[str]:
    """Modules that a file imports, each also with the imported names, which may be modules themselves."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return modules


def imports(folder: str) -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for module in imported(path):
            yield str(path.relative_to(ROOT)), module


def file_of(module: str) -> Path | None:
    path = ROOT / module.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def reached_from(module: str, without: Callable[[str], bool] = lambda _: False) -> set[str]:
    """All modules that importing one leads to, but for those left out; of others than our own only the first name."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        module = waiting.pop()
        if without(module):
            continue
        file = file_of(module)
        name = module if file else module.split(".")[0]
        if name not in seen:
            seen.add(name)
            waiting += imported(file) if file else []
    return seen


def of_traces(module: str) -> bool:
    """Whether a module is of the extra `traces`; `shared.service.tracing` loads them only once traces are asked for."""
    return module.split(".")[0] == "opentelemetry"


def foreign(module: str, declared: set[str]) -> bool:
    """Whether a module is neither ours, nor of the standard library, nor of a declared distribution."""
    top = module.split(".")[0]
    owners = distributions().get(top, [top])
    known = top in sys.stdlib_module_names or top in OWN
    return not known and not {name.lower().replace("_", "-") for name in owners} & declared


@pytest.mark.parametrize("folder", OWN)
def test_every_import_is_declared(folder: str) -> None:
    content = project()["project"]
    extras = content["optional-dependencies"]
    declared = names([*content["dependencies"], *extras["train"], *extras["torch"], *extras["traces"]])
    # torchvision is used for training where it can be imported, and is nobody's dependency.
    wrong = {(path, module) for path, module in imports(folder) if foreign(module, declared | {"torchvision"})}
    assert wrong == set()


@pytest.mark.parametrize(
    "module", ["quittance.cli", "quittance.assembly", "gateway.app", *(f"services.{name}.app" for name in SERVICES)]
)
def test_what_serves_needs_neither_training_code_nor_its_packages(module: str) -> None:
    reached = reached_from(module)
    assert len(reached) > 10
    assert not {name for name in reached if name.endswith(".train") or name == "shared.learning.training"}
    # An engine of torch is loaded only where torch is to run the networks; the rest must do without it.
    reached = reached_from(
        module,
        lambda name: name.split(".")[-1] == "torch_engine" or name == "shared.inference.device" or of_traces(name),
    )
    assert {name for name in reached if foreign(name, names(project()["project"]["dependencies"]))} == set()


def test_versions_are_exact_and_the_gateway_has_its_share_of_them() -> None:
    content = project()
    dependencies = content["project"]["dependencies"]
    extras = content["project"]["optional-dependencies"]
    everything = [*dependencies, *(line for extra in extras.values() for line in extra)]
    assert [line for line in everything if "==" not in line and not line.startswith("quittance[")] == []
    group = content["dependency-groups"]["gateway"]
    assert len(names(dependencies)) == len(dependencies)
    assert len(names(group)) == len(group)
    assert set(group) <= set(dependencies)
    assert not names(group) & {"openvino", "torch", "safetensors"}


def test_services_stand_alone() -> None:
    wrong = {
        (path, module)
        for service in SERVICES
        for path, module in imports(f"services/{service}")
        if module.split(".")[0] in ("gateway", "quittance")
        or (module.startswith("services.") and module.split(".")[1] != service)
    }
    assert wrong == set()


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("shared", {"services", "gateway", "quittance", "synthesis"}),
        ("gateway", {"services", "quittance", "synthesis", "openvino", "torch", "torchvision", "safetensors"}),
    ],
)
def test_the_gateway_and_shared_code_know_no_service(folder: str, forbidden: set[str]) -> None:
    assert {(path, module) for path, module in imports(folder) if module.split(".")[0] in forbidden} == set()


def test_the_gateway_needs_its_group_only() -> None:
    group = names(project()["dependency-groups"]["gateway"])
    reached = reached_from("gateway.app", of_traces) | reached_from("shared.service.server", of_traces)
    assert {name for name in reached if foreign(name, group)} == set()

"""Who may import whom: each container holds only its own part, and a service never waits for another's release."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PARTS = (
    "shared",
    "gateway",
    "services/detector",
    "services/recognizer",
    "services/extractor",
    "quittance",
    "synthesis",
)
ALLOWED = {
    "shared": {"shared"},
    "gateway": {"gateway", "shared"},
    "services/detector": {"services.detector", "shared"},
    "services/recognizer": {"services.recognizer", "shared"},
    "services/extractor": {"services.extractor", "shared"},
    "synthesis": {"synthesis", "shared"},
}
TRAINING = {"shared.learning.training", "h5py"}


def imports(path: Path) -> set[str]:
    """Full names of all modules that a file imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def of_the_project(module: str) -> bool:
    return module.split(".")[0] in {"shared", "gateway", "services", "quittance", "synthesis", "benchmarks", "tests"}


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_imports_only_what_it_may(repository: Path, part: str) -> None:
    wrong = {
        f"{path.relative_to(repository)}: {module}"
        for path in (repository / part).rglob("*.py")
        for module in imports(path)
        if of_the_project(module) and not any(f"{module}.".startswith(f"{allowed}.") for allowed in ALLOWED[part])
    }
    assert not wrong


def test_the_gateway_imports_no_networks(repository: Path) -> None:
    networks = {"torch", "openvino", "cv2", "safetensors"}
    for path in (repository / "gateway").rglob("*.py"):
        assert not networks & {module.split(".")[0] for module in imports(path)}, path


@pytest.mark.parametrize("service", ["detector", "recognizer", "extractor"])
def test_what_serves_does_not_import_what_trains(repository: Path, service: str) -> None:
    """From app.py on, through the service's own modules."""
    folder = repository / "services" / service
    waiting, seen = [folder / "app.py"], set()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        for module in imports(path):
            assert module not in TRAINING, (path, module)
            own = repository / (module.replace(".", "/") + ".py")
            if own.is_relative_to(folder) and own.is_file() and own not in seen:
                waiting.append(own)
    assert folder / "predictor.py" in seen
    assert folder / "train.py" not in seen


def test_no_module_is_a_drawer_for_everything(repository: Path) -> None:
    for part in PARTS:
        for path in (repository / part).rglob("*.py"):
            assert path.stem not in ("utils", "helpers", "common"), path

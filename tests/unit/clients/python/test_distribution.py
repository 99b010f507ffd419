"""The client is a separate distribution: it is built, installed alone, and needs nothing of the server."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[4]
CLIENT = ROOT / "clients" / "python"
SOURCES = sorted((CLIENT / "quittance_client").rglob("*.py"))

# Run where only the installed client and the packages of this environment can be found.
REPORT_IMPORTS = """
import json, sys
sys.path.insert(0, sys.argv[1])
import quittance_client
with quittance_client.Client() as client:
    pass
print(json.dumps({"file": quittance_client.__file__, "modules": sorted({name.split(".")[0] for name in sys.modules})}))
"""


def project(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return content


def requirements_of(names: set[str]) -> set[str]:
    """Return the distributions that some distributions need, and they themselves."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        for line in distribution(name).requires or []:
            required = re.split(r"[^\w.-]", line)[0].lower().replace("_", "-")
            if "extra ==" not in line and required not in found and _is_installed(required):
                waiting.add(required)
    return found


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except ModuleNotFoundError:
        return False
    return True


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    listed = subprocess.run(["git", "ls-files", "."], cwd=CLIENT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():  # a copy, as building leaves files behind
        target = sources / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((CLIENT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(sources)], check=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    code = {name for name in names if ".dist-info/" not in name}
    assert code == {path.relative_to(CLIENT).as_posix() for path in SOURCES} | {"quittance_client/py.typed"}
    assert re.findall(r"^Requires-Dist: (\w+)", metadata, re.M) == ["httpx2", "pydantic"]
    assert f"Version: {project(ROOT)['version']}\n" in metadata
    assert any(name.endswith("/LICENSE") for name in names)


def test_installed_client_imports_only_its_dependencies(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*command, str(wheel)], check=True, timeout=120)
    run = [sys.executable, "-I", "-c", REPORT_IMPORTS, str(target)]
    report = json.loads(
        subprocess.run(run, capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path).stdout
    )
    assert report["file"] == str(target / "quittance_client" / "__init__.py")
    allowed = requirements_of({"httpx2", "pydantic"})
    owners = packages_distributions()
    foreign = {
        name
        for name in report["modules"]
        if name in owners and not {owner.lower().replace("_", "-") for owner in owners[name]} & allowed
    }
    # Hooks of the environment itself, which it imports at startup.
    assert {name for name in foreign if name not in ("_distutils_hack", "quittance_client")} == set()
    assert not {"gateway", "quittance", "services", "shared", "fastapi", "numpy"} & set(report["modules"])


def test_sources_import_only_what_is_declared() -> None:
    declared = {re.split("[<>=]", line)[0] for line in project(CLIENT)["dependencies"]}
    imported: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    assert imported - set(sys.stdlib_module_names) - {"quittance_client"} == declared


def test_versions_of_the_server_are_within_the_ranges() -> None:
    pinned = dict(line.split("==") for line in project(ROOT)["dependencies"])
    for line in project(CLIENT)["dependencies"]:
        name, lowest, below = re.fullmatch(r"(\w+)>=([\d.]+),<(\d+)", line).groups()  # type: ignore[union-attr]
        version = [int(part) for part in pinned[name].split(".")]
        assert [int(part) for part in lowest.split(".")] <= version < [int(below)]
    assert project(CLIENT)["requires-python"] == project(ROOT)["requires-python"]


def test_serving_does_not_import_the_client() -> None:
    """Containers are built without clients/."""
    code = "import sys, quittance.cli, quittance.serve, gateway.app; sys.exit('quittance_client' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr

"""Rendered Kubernetes files: what `kubectl apply -k` would send to a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

COMPONENT = "app.kubernetes.io/component"
Resource = dict[str, Any]


def render(folder: Path) -> list[Resource]:
    """Render a kustomization with the kustomize inside kubectl."""
    kubectl = Path(sys.executable).with_name("kubectl")
    result = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, ""), folder
    # The parser in C takes a tenth of the time.
    return list(yaml.load_all(result.stdout, yaml.CSafeLoader))


def render_with(folder: Path, base: Path, component: Path) -> list[Resource]:
    """Render a kustomization with a component added, in a folder for that."""
    folder.mkdir()
    # Kustomize takes no absolute paths.
    base_path, component_path = (os.path.relpath(path.resolve(), folder.resolve()) for path in (base, component))
    content = {"namespace": "quittance", "resources": [base_path], "components": [component_path]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return render(folder)


def select(resources: list[Resource], *kinds: str) -> dict[str, Resource]:
    """Return the resources of some kinds by name."""
    return {one["metadata"]["name"]: one for one in resources if one["kind"] in kinds}


def find_pods(resources: list[Resource]) -> dict[str, Resource]:
    """Return the pod of each workload by name."""
    workloads = select(resources, "Deployment", "StatefulSet")
    return {name: one["spec"]["template"]["spec"] for name, one in workloads.items()}


def find_container(resources: list[Resource], name: str) -> Resource:
    """Return the only container of a workload."""
    (container,) = find_pods(resources)[name]["containers"]
    found: Resource = container
    return found


def read_environment(resources: list[Resource], name: str) -> dict[str, str | None]:
    """Return the variables of a workload; None for those from secrets."""
    container, maps = find_container(resources, name), select(resources, "ConfigMap")
    variables: dict[str, str | None] = {}
    for source in container.get("envFrom", []):
        variables |= maps[source["configMapRef"]["name"]]["data"]
    return variables | {variable["name"]: variable.get("value") for variable in container.get("env", [])}

"""The Ray job is a valid RayJob whose pods are valid, as far as tests can tell without a cluster."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from quittance.cli import app

# The members of `ray.io/v1` that the file uses or may use (KubeRay 1.5, API reference).
_JOB = {
    *("entrypoint", "submissionMode", "backoffLimit", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished"),
    *("rayClusterSpec", "activeDeadlineSeconds", "runtimeEnvYAML", "suspend", "submitterPodTemplate"),
}
_CLUSTER = {"rayVersion", "enableInTreeAutoscaling", "autoscalerOptions", "headGroupSpec", "workerGroupSpecs"}
_HEAD = {"rayStartParams", "template", "serviceType"}
_WORKERS = {*_HEAD, "groupName", "replicas", "minReplicas", "maxReplicas", "idleTimeoutSeconds", "numOfHosts"}


@pytest.fixture(scope="module")
def job(repository: Path) -> dict[str, Any]:
    path = repository / "deploy" / "kubernetes" / "bulk" / "rayjob.yaml"
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


@pytest.fixture(scope="module")
def groups(job: dict[str, Any]) -> list[dict[str, Any]]:
    cluster = job["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def test_job_has_only_known_members(job: dict[str, Any]) -> None:
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert job["spec"].keys() <= _JOB
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster.keys() <= _CLUSTER
    assert cluster["headGroupSpec"].keys() <= _HEAD
    for group in cluster["workerGroupSpecs"]:
        assert group.keys() <= _WORKERS
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_pods_match_the_kubernetes_schemas(groups: list[dict[str, Any]]) -> None:
    for group in groups:
        # KubeRay starts Ray in the container.
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ray"}, **group["template"]}
        kubernetes_validate.validate(pod, "1.33", strict=True)


def test_pods_run_unprivileged(groups: list[dict[str, Any]]) -> None:
    for group in groups:
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_cluster_has_the_version_of_ray_that_the_project_has(job: dict[str, Any], repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    (ray,) = [line for line in project["project"]["optional-dependencies"]["bulk"] if line.startswith("ray")]
    assert ray.split("==")[1] == job["spec"]["rayClusterSpec"]["rayVersion"]


def test_a_worker_holds_an_actor_of_each_stage(groups: list[dict[str, Any]]) -> None:
    for group in groups[1:]:
        (container,) = group["template"]["spec"]["containers"]
        assert int(container["resources"]["requests"]["cpu"]) >= 4


def test_entrypoint_is_a_valid_command(job: dict[str, Any]) -> None:
    program, command, *arguments = shlex.split(job["spec"]["entrypoint"])
    assert (program, command) == ("quittance", "bulk")
    assert CliRunner().invoke(app, [command, *arguments, "--help"]).exit_code == 0
    assert CliRunner().invoke(app, [command, *arguments, "--unknown"]).exit_code == 2
    assert arguments[-2:] == ["--address", "auto"]


def test_probes_are_commands_of_ray(groups: list[dict[str, Any]]) -> None:
    ray = Path(sys.executable).with_name("ray")
    for group in groups:
        (container,) = group["template"]["spec"]["containers"]
        assert container["readinessProbe"] == container["livenessProbe"]
        assert re.search(
            r"^(sh -c )?ray health-check --address \S+$", " ".join(container["readinessProbe"]["exec"]["command"])
        )
    # Exits with 2 if the command or the option does not exist. Without `--help` it waits for an answer for 40 s.
    command = [str(ray), "health-check", "--address", "127.0.0.1:1", "--help"]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    assert subprocess.run([*command, "--unknown"], capture_output=True, timeout=60).returncode == 2


def test_image_is_a_target_of_the_dockerfile(groups: list[dict[str, Any]], repository: Path) -> None:
    dockerfile = (repository / "deploy" / "Dockerfile").read_text()
    images = {container["image"] for group in groups for container in group["template"]["spec"]["containers"]}
    assert images == {"quittance-bulk", "quittance-bulk-cuda"}
    assert re.search(r"^FROM base AS bulk$", dockerfile, re.MULTILINE)

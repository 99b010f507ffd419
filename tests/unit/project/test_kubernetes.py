"""The rendered Kubernetes files are valid and match code and compose, as far as tests can tell without a cluster."""

from __future__ import annotations

import json
import re
import subprocess
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gateway.admission import access
from gateway.settings import GatewaySettings
from quittance.assembly import SERVICES
from shared.service.health import PROBES
from shared.service.settings import ServiceSettings
from tests.support.kubernetes import (
    COMPONENT,
    Resource,
    find_container,
    find_pods,
    read_environment,
    render,
    render_with,
    select,
)

GATEWAYS = ("gateway", "worker")
ROLES = (*GATEWAYS, *SERVICES)
OVERLAYS = ("hpa", "keda", "keda-gpu", "example")
# In compose, M and G are powers of two.
_UNITS = {"Mi": 2**20, "M": 2**20, "Gi": 2**30, "G": 2**30}
_VERSION = "1.33"
# The members of `keda.sh/v1alpha1` (reference of ScaledObject) that the files use. The schemas that
# `make check-kubernetes` uses do not refuse unknown members.
_SCALED_OBJECT = {"scaleTargetRef", "pollingInterval", "minReplicaCount", "maxReplicaCount", "fallback", "triggers"}
_TRIGGERS = {"prometheus": {"serverAddress", "query", "threshold"}, "cpu": {"value"}}
_CUSTOM = {"ScaledObject", "ServiceMonitor", "ExternalSecret"}
_PINNED = re.compile(r"[a-z0-9./-]+@sha256:[0-9a-f]{64}")


@pytest.fixture(scope="module")
def folder(repository: Path) -> Path:
    return repository / "deploy" / "kubernetes"


@pytest.fixture(scope="module")
def overlays(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Resource]]:
    rendered = {name: render(folder / "overlays" / name) for name in OVERLAYS}
    temporary = tmp_path_factory.mktemp("kustomize") / "with-postgres"
    hpa, postgres = folder / "overlays" / "hpa", folder / "components" / "postgres"
    return rendered | {"hpa with postgres": render_with(temporary, hpa, postgres)}


@pytest.fixture(scope="module")
def resources(overlays: dict[str, list[Resource]]) -> list[Resource]:
    return overlays["keda"]


@pytest.fixture(scope="module")
def compose(repository: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((repository / "docker-compose.yml").read_text())["services"]
    # In Kubernetes, a person creates the secrets.
    del content["redis-secrets"]
    # It does what the gateway of compose does, too.
    return content | {"worker": content["gateway"]}


def size(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\w+)", text).groups()  # type: ignore[union-attr]
    return int(number) * _UNITS[unit]


def test_every_folder_is_rendered(folder: Path, overlays: dict[str, list[Resource]]) -> None:
    assert {path.name for path in (folder / "overlays").iterdir()} == set(OVERLAYS)
    used = {"monitoring": "ServiceMonitor", "ingress": "Ingress", "external-secrets": "ExternalSecret"}
    used |= {"postgres": "StatefulSet", "gpu": "Deployment"}
    assert {path.name for path in (folder / "components").iterdir()} == set(used)
    kinds = {one["kind"] for some in overlays.values() for one in some}
    assert set(used.values()) <= kinds


def test_resources_match_the_kubernetes_schemas(overlays: dict[str, list[Resource]]) -> None:
    # Overlays have most of them in common.
    different = {json.dumps(resource): resource for rendered in overlays.values() for resource in rendered}
    for resource in different.values():
        assert resource["metadata"]["namespace"] == "quittance"
        # Others are not part of Kubernetes itself.
        if resource["kind"] not in _CUSTOM:
            kubernetes_validate.validate(resource, _VERSION, strict=True)
    deployment = select(overlays["hpa"], "Deployment")["gateway"]
    wrong = {**deployment, "spec": {**deployment["spec"], "replica": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, _VERSION, strict=True)


def test_no_image_goes_by_a_tag(folder: Path, overlays: dict[str, list[Resource]]) -> None:
    images = {
        container["image"]
        for rendered in overlays.values()
        for pod in find_pods(rendered).values()
        for container in pod["containers"] + pod.get("initContainers", [])
    }
    assert len(images) == 8
    for image in images | set(re.findall(r"image: (\S+)", yaml.safe_dump_all(render(folder / "bulk")))):
        assert _PINNED.fullmatch(image), image


def test_digests_are_looked_up_and_written(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "kubernetes"
    (copy / "images").mkdir(parents=True)
    for name in ("pin-images", "images/kustomization.yaml"):
        (copy / name).write_text((folder / name).read_text())
    programs, digest = tmp_path / "bin", "sha256:" + "5" * 64
    programs.mkdir()
    docker = programs / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\ncase "$4" in */quittance-extractor:*) exit 1;; esac\n')
    docker.chmod(0o755)
    with docker.open("a") as script:
        script.write(f"echo {digest}\n")

    def pin(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(copy / "pin-images"), *arguments]
        environment = {"PATH": f"{programs}:/usr/bin:/bin"}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)

    result = pin("registry.test/books", "1.0", "quittance-gateway", "redis")
    assert (result.returncode, result.stderr) == (0, "")
    images = {
        one["name"]: one for one in yaml.safe_load((copy / "images" / "kustomization.yaml").read_text())["images"]
    }
    assert images["quittance-gateway"]["newName"] == "registry.test/books/quittance-gateway"
    changed = {name for name, image in images.items() if image["digest"] == digest}
    assert changed == {"quittance-gateway", "redis"}
    first, second = (tmp_path / "calls").read_text().splitlines()
    assert first.startswith("buildx imagetools inspect registry.test/books/quittance-gateway:1.0 ")
    assert second.startswith("buildx imagetools inspect docker.io/library/redis:8-alpine ")
    assert pin("registry.test/books", "1.0", "quittance-extractor").returncode == 1
    assert "not one of the images" in pin("registry.test/books", "1.0", "nginx").stderr


def test_pods_match_compose(resources: list[Resource], compose: dict[str, Any]) -> None:
    found = find_pods(resources)
    assert found.keys() == compose.keys()
    for name in found:
        container = find_container(resources, name)
        assert container["args"] == compose[name]["command"], name
        expected = re.sub(r"\$\{\w+:-(.+)\}", r"\1", compose[name]["image"]).partition(":")[0]
        assert container["image"].partition("@")[0].endswith(f"/{expected}"), name
        limits = (container["resources"]["limits"]["memory"], compose[name]["deploy"]["resources"]["limits"]["memory"])
        assert size(limits[0]) == size(limits[1]), name


@pytest.mark.parametrize("role", ROLES)
def test_settings_are_known_and_match_compose(resources: list[Resource], compose: dict[str, Any], role: str) -> None:
    container, environment = find_container(resources, role), read_environment(resources, role)
    settings: type[ServiceSettings] = GatewaySettings if role in GATEWAYS else ServiceSettings
    names = {f"QUITTANCE_{name.upper()}" for name in (*settings.fields(), "threads")}
    assert environment.keys() <= names
    different = {"ACCESS", "ALLOWED_HOSTS", "THREADS", "WEBHOOK_SECRET", "DATABASE_URL", "JOB_CONCURRENCY"}
    for name in environment.keys() - {f"QUITTANCE_{one}" for one in different}:
        assert environment[name] == str(compose[role]["environment"][name])
    assert container["ports"] == [{"name": "http", "containerPort": int(environment["QUITTANCE_PORT"] or 0)}]
    for probe, path in (("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}


def test_gateways_keep_no_state_and_leave_jobs_to_workers(resources: list[Resource]) -> None:
    for name in GATEWAYS:
        volumes = {volume["name"]: volume for volume in find_pods(resources)[name]["volumes"]}
        assert all("persistentVolumeClaim" not in volume for volume in volumes.values())
        environment = read_environment(resources, name)
        assert "QUITTANCE_DATABASE_URL" in environment
        assert environment["QUITTANCE_ACCESS"] == "keys"
    concurrency = {name: read_environment(resources, name)["QUITTANCE_JOB_CONCURRENCY"] for name in GATEWAYS}
    assert concurrency == {"gateway": "0", "worker": "4"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_gateway_answers_under_the_names_of_its_service(overlays: dict[str, list[Resource]], overlay: str) -> None:
    rendered = overlays[overlay]
    allowed = read_environment(rendered, "gateway")["QUITTANCE_ALLOWED_HOSTS"]
    names = {"gateway", "gateway.quittance", "gateway.quittance.svc", "gateway.quittance.svc.cluster.local"}
    hosts = {rule["host"] for one in select(rendered, "Ingress").values() for rule in one["spec"]["rules"]}
    assert bool(hosts) == (overlay == "example")
    assert set(GatewaySettings(allowed_hosts=allowed).admission.hosts) == names | hosts


def test_ingress_leads_to_everything_but_operational_endpoints(
    overlays: dict[str, list[Resource]], repository: Path
) -> None:
    (rule,) = select(overlays["example"], "Ingress")["gateway"]["spec"]["rules"]

    def leads_to(path: str) -> bool:
        return any(
            path == one["path"] or (one["pathType"] == "Prefix" and path.startswith(f"{one['path']}/"))
            for one in rule["http"]["paths"]
        )

    schema = json.loads((repository / "docs" / "openapi" / "gateway.json").read_text())
    folders = {f"{name}x" for name in access._PUBLIC_FOLDERS}
    for path in access._PUBLIC_PATHS | folders | set(schema["paths"]):
        assert leads_to(path) == (path not in PROBES), path


def test_pods_run_unprivileged(overlays: dict[str, list[Resource]]) -> None:
    for rendered in overlays.values():
        claims = {
            name: {claim["metadata"]["name"] for claim in one["spec"]["volumeClaimTemplates"]}
            for name, one in select(rendered, "StatefulSet").items()
        }
        for name, pod in find_pods(rendered).items():
            assert pod["automountServiceAccountToken"] is False, name
            # Otherwise Kubernetes would set variables that look like settings.
            assert pod["enableServiceLinks"] is False, name
            assert pod["securityContext"]["runAsNonRoot"] is True, name
            (container,) = pod["containers"]
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            mounted = {volume["name"] for volume in pod["volumes"]} | claims.get(name, set())
            assert {mount["name"] for mount in container["volumeMounts"]} == mounted, name


def test_services_budgets_and_policies_select_existing_pods(overlays: dict[str, list[Resource]]) -> None:
    for rendered in overlays.values():
        workloads = select(rendered, "Deployment", "StatefulSet")
        labels = {name: one["spec"]["template"]["metadata"]["labels"] for name, one in workloads.items()}
        assert labels == {name: {COMPONENT: name} for name in workloads}
        services = select(rendered, "Service")
        assert services.keys() == workloads.keys()
        for name, service in services.items():
            assert service["spec"]["selector"] == {COMPONENT: name}
            (port,) = service["spec"]["ports"]
            assert port["targetPort"] == find_container(rendered, name)["ports"][0]["name"]
        budgets = select(rendered, "PodDisruptionBudget")
        assert budgets.keys() == select(rendered, "Deployment").keys()
        for name, budget in budgets.items():
            assert budget["spec"] == {"maxUnavailable": 1, "selector": {"matchLabels": {COMPONENT: name}}}
        for policy in select(rendered, "NetworkPolicy").values():
            assert read_pods(policy["spec"]["podSelector"]) <= workloads.keys()


def read_pods(selector: dict[str, Any]) -> set[str]:
    """Return the workloads whose pods a selector selects."""
    if "matchLabels" in selector:
        return {selector["matchLabels"][COMPONENT]}
    (expression,) = selector["matchExpressions"]
    assert (expression["key"], expression["operator"]) == (COMPONENT, "In")
    return set(expression["values"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_deployment_has_one_autoscaler(overlays: dict[str, list[Resource]], overlay: str) -> None:
    rendered = overlays[overlay]
    deployments = select(rendered, "Deployment")
    if overlay == "hpa":
        scalers = select(rendered, "HorizontalPodAutoscaler")
        bounds = {name: (one["spec"]["minReplicas"], one["spec"]["maxReplicas"]) for name, one in scalers.items()}
    else:
        scalers = select(rendered, "ScaledObject")
        bounds = {
            name: (one["spec"]["minReplicaCount"], one["spec"]["maxReplicaCount"]) for name, one in scalers.items()
        }
    assert scalers.keys() == deployments.keys()
    for name, scaler in scalers.items():
        assert scaler["spec"]["scaleTargetRef"]["name"] == name
        # Applying the files again would reset the number of pods.
        assert "replicas" not in deployments[name]["spec"]
        # Callers wait for gateways and services: one pod may be lost. Jobs can wait for a worker.
        assert bounds[name][0] >= (1 if name == "worker" else 2)
        assert bounds[name][1] > bounds[name][0]


def test_scaled_objects_have_only_known_members(resources: list[Resource]) -> None:
    for name, scaler in select(resources, "ScaledObject").items():
        assert scaler["apiVersion"] == "keda.sh/v1alpha1"
        assert scaler["spec"].keys() <= _SCALED_OBJECT, name
        triggers = {trigger["type"]: trigger for trigger in scaler["spec"]["triggers"]}
        for kind, trigger in triggers.items():
            assert trigger["metadata"].keys() == _TRIGGERS[kind], name
        # CPU load alone does not show what waits.
        assert name == "gateway" or triggers["prometheus"]["metadata"]["serverAddress"].startswith("http://"), name
        assert ("fallback" in scaler["spec"]) == ("prometheus" in triggers), name


def test_worker_scales_on_files_that_it_can_read_at_once(resources: list[Resource]) -> None:
    (trigger,) = select(resources, "ScaledObject")["worker"]["spec"]["triggers"]
    concurrency = read_environment(resources, "worker")["QUITTANCE_JOB_CONCURRENCY"]
    assert int(trigger["metadata"]["threshold"]) == 2 * int(concurrency or 0)


def test_prometheus_finds_and_reaches_all_applications(resources: list[Resource]) -> None:
    monitor = select(resources, "ServiceMonitor")["quittance"]["spec"]
    (endpoint,) = monitor["endpoints"]
    found = {
        name
        for name, service in select(resources, "Service").items()
        if monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        and endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    }
    assert found == set(ROLES)
    policies = {name: policy["spec"] for name, policy in select(resources, "NetworkPolicy").items()}
    closed = {
        pod
        for policy in policies.values()
        if "Ingress" in policy["policyTypes"]
        for pod in read_pods(policy["podSelector"])
    }
    assert read_pods(policies["from-prometheus"]["podSelector"]) == closed & set(ROLES)


def test_only_gateways_and_workers_reach_the_others_and_the_outside(resources: list[Resource]) -> None:
    others = set(find_pods(resources)) - set(GATEWAYS)
    policies = {name: policy["spec"] for name, policy in select(resources, "NetworkPolicy").items()}
    isolated, gateway = policies["only-from-gateway"], policies["gateway-egress"]
    assert read_pods(isolated["podSelector"]) == others
    assert isolated["egress"] == []
    assert read_pods(gateway["podSelector"]) == set(GATEWAYS)
    to_pods, _, to_database, to_internet = gateway["egress"]
    assert read_pods(to_pods["to"][0]["podSelector"]) == others
    assert to_database == {"ports": [{"port": 5432, "protocol": "TCP"}]}
    for block in to_internet["to"]:
        public, private = ip_network(block["ipBlock"]["cidr"]), map(ip_network, block["ipBlock"]["except"])
        assert all(network.subnet_of(public) and not network.is_global for network in private)  # type: ignore[arg-type]
    assert isolated["policyTypes"] == ["Ingress", "Egress"]
    assert gateway["policyTypes"] == ["Egress"]


def test_secrets_hold_what_the_pods_use(overlays: dict[str, list[Resource]], repository: Path) -> None:
    rendered, text = overlays["example"], (repository / "docs" / "deployment.md").read_text()
    environment = read_environment(rendered, "gateway")
    paths = {
        "redis-server": find_container(rendered, "redis")["args"],
        "redis-client": [
            environment["QUITTANCE_REDIS_PASSWORD_FILE"],
            (environment["QUITTANCE_REDIS_URL"] or "").split("=")[1],
        ],
    }
    pods = find_pods(rendered)
    for workload, name in (("redis", "redis-server"), ("gateway", "redis-client"), ("worker", "redis-client")):
        assert name in {volume["secret"]["secretName"] for volume in pods[workload]["volumes"] if "secret" in volume}
        command = text.split(f"generic {name} ")[1].split("kubectl")[0]
        created = set(re.findall(r"--from-file=secrets/(\S+)", command))
        assert created == {path.split("/")[-1] for path in paths[name] if path.startswith("/run/redis/")}
    used = set(paths) | {
        variable["valueFrom"]["secretKeyRef"]["name"]
        for name in GATEWAYS
        for variable in find_container(rendered, name)["env"]
        if "valueFrom" in variable
    }
    vault = select(rendered, "ExternalSecret")
    assert used == vault.keys() == {one["spec"]["target"]["name"] for one in vault.values()}


def test_gateway_urls_match_the_services(resources: list[Resource]) -> None:
    environment, services = read_environment(resources, "gateway"), select(resources, "Service")
    for name in SERVICES:
        port = services[name]["spec"]["ports"][0]["port"]
        assert environment[f"QUITTANCE_{name.upper()}_URL"] == f"http://{name}:{port}"


def test_gpus_are_for_detector_and_recognizer(overlays: dict[str, list[Resource]]) -> None:
    cpu, gpu = overlays["keda"], overlays["keda-gpu"]
    for name, pod in find_pods(gpu).items():
        if name not in ("detector", "recognizer"):
            assert pod == find_pods(cpu)[name]
            continue
        container = find_container(gpu, name)
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
        assert "nvidia.com/gpu" in pod["tolerations"][0]["key"]
        assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
        assert container["image"].partition("@")[0].endswith(f"/quittance-{name}-cuda")
        assert read_environment(gpu, name) == read_environment(cpu, name) | {"QUITTANCE_DEVICE": "cuda"}
        assert container["args"] == find_container(cpu, name)["args"]

"""The Kubernetes files are valid and match docker-compose.yml, as far as tests can tell without a cluster."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gateway.settings import GatewaySettings
from quittance.assembly import SERVICES
from shared.service.settings import ServiceSettings

ROLES = ("gateway", *SERVICES)
COMPONENT = "app.kubernetes.io/component"
# In compose, M and G are powers of two.
_UNITS = {"Mi": 2**20, "M": 2**20, "Gi": 2**30, "G": 2**30}


@pytest.fixture(scope="module")
def folder(repository: Path) -> Path:
    return repository / "deploy" / "kubernetes"


@pytest.fixture(scope="module")
def kustomization(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return content


@pytest.fixture(scope="module")
def resources(folder: Path, kustomization: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for name in kustomization["resources"] for one in yaml.safe_load_all((folder / name).read_text())]


@pytest.fixture(scope="module")
def compose(repository: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((repository / "docker-compose.yml").read_text())["services"]
    # In Kubernetes, a person creates the secrets.
    del content["redis-secrets"]
    return content


def select(resources: list[dict[str, Any]], *kinds: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in resources if one["kind"] in kinds}


def pods(resources: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    workloads = select(resources, "Deployment", "StatefulSet")
    return {name: one["spec"]["template"]["spec"] for name, one in workloads.items()}


def size(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\w+)", text).groups()  # type: ignore[union-attr]
    return int(number) * _UNITS[unit]


def test_kustomization_lists_every_file(folder: Path, kustomization: dict[str, Any]) -> None:
    assert {*kustomization["resources"], "kustomization.yaml"} == {
        path.name for path in folder.iterdir() if path.is_file()
    }
    assert {image["name"] for image in kustomization["images"]} == {f"quittance-{role}" for role in ROLES} | {"redis"}


def test_resources_match_the_kubernetes_schemas(resources: list[dict[str, Any]]) -> None:
    for resource in resources:
        kubernetes_validate.validate(resource, "1.33", strict=True)
    wrong = {**resources[0], "spec": {**resources[0]["spec"], "replica": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.33", strict=True)


def test_pods_match_compose(resources: list[dict[str, Any]], compose: dict[str, Any]) -> None:
    found = pods(resources)
    assert found.keys() == compose.keys()
    for name, pod in found.items():
        (container,) = pod["containers"]
        assert container["args"] == compose[name]["command"], name
        assert container["image"] == re.sub(r"\$\{\w+:-(.+)\}", r"\1", compose[name]["image"]), name
        limits = (container["resources"]["limits"]["memory"], compose[name]["deploy"]["resources"]["limits"]["memory"])
        assert size(limits[0]) == size(limits[1]), name


@pytest.mark.parametrize("role", ROLES)
def test_settings_are_known_and_match_compose(
    resources: list[dict[str, Any]], compose: dict[str, Any], role: str
) -> None:
    (container,) = pods(resources)[role]["containers"]
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    settings: type[ServiceSettings] = GatewaySettings if role == "gateway" else ServiceSettings
    names = {f"QUITTANCE_{name.upper()}" for name in (*settings.fields(), "threads")}
    assert environment.keys() <= names
    different = {"QUITTANCE_ACCESS", "QUITTANCE_ALLOWED_HOSTS", "QUITTANCE_THREADS", "QUITTANCE_WEBHOOK_SECRET"}
    for name in environment.keys() - different:
        assert environment[name] == str(compose[role]["environment"][name])
    assert container["ports"] == [{"name": "http", "containerPort": int(environment["QUITTANCE_PORT"] or 0)}]
    for probe, path in (("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}


def test_gateway_answers_under_the_names_of_its_service(
    resources: list[dict[str, Any]], kustomization: dict[str, Any]
) -> None:
    (container,) = pods(resources)["gateway"]["containers"]
    (allowed,) = [one["value"] for one in container["env"] if one["name"] == "QUITTANCE_ALLOWED_HOSTS"]
    full_name = f"gateway.{kustomization['namespace']}"
    names = {"gateway", full_name, f"{full_name}.svc", f"{full_name}.svc.cluster.local"}
    assert set(GatewaySettings(allowed_hosts=allowed).admission.hosts) == names


def test_gateway_requires_an_api_key(resources: list[dict[str, Any]]) -> None:
    (gateway,) = pods(resources)["gateway"]["containers"]
    assert {"name": "QUITTANCE_ACCESS", "value": "keys"} in gateway["env"]


def test_pods_run_unprivileged(resources: list[dict[str, Any]]) -> None:
    for name, pod in pods(resources).items():
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
        mounted = {volume["name"] for volume in pod["volumes"]} | ({"data"} if name == "redis" else set())
        assert {mount["name"] for mount in container["volumeMounts"]} == mounted, name


def test_services_and_policies_select_existing_pods(resources: list[dict[str, Any]]) -> None:
    workloads = select(resources, "Deployment", "StatefulSet")
    labels = {name: one["spec"]["template"]["metadata"]["labels"] for name, one in workloads.items()}
    assert labels == {name: {COMPONENT: name} for name in workloads}
    services = select(resources, "Service")
    assert services.keys() == workloads.keys()
    for name, service in services.items():
        assert service["spec"]["selector"] == {COMPONENT: name}
        (port,) = service["spec"]["ports"]
        assert port["targetPort"] == pods(resources)[name]["containers"][0]["ports"][0]["name"]
    for scaler in select(resources, "HorizontalPodAutoscaler").values():
        target = workloads[scaler["spec"]["scaleTargetRef"]["name"]]
        # Applying the files again would reset the number of pods.
        assert "replicas" not in target["spec"]


def test_only_the_gateway_reaches_the_others_and_the_outside(resources: list[dict[str, Any]]) -> None:
    others = set(pods(resources)) - {"gateway"}
    policies = {name: policy["spec"] for name, policy in select(resources, "NetworkPolicy").items()}
    isolated, gateway = policies["only-from-gateway"], policies["gateway-egress"]
    (chosen,) = isolated["podSelector"]["matchExpressions"]
    assert set(chosen["values"]) == others
    assert isolated["egress"] == []
    assert gateway["podSelector"] == {"matchLabels": {COMPONENT: "gateway"}}
    (to_pods,), _, to_internet = (rule["to"] for rule in gateway["egress"])
    assert set(to_pods["podSelector"]["matchExpressions"][0]["values"]) == others
    for block in to_internet:
        public, private = ip_network(block["ipBlock"]["cidr"]), map(ip_network, block["ipBlock"]["except"])
        assert all(network.subnet_of(public) and not network.is_global for network in private)  # type: ignore[arg-type]
    assert isolated["policyTypes"] == ["Ingress", "Egress"]
    assert gateway["policyTypes"] == ["Egress"]


def test_redis_secrets_hold_what_the_pods_use(resources: list[dict[str, Any]], repository: Path) -> None:
    found, text = pods(resources), (repository / "docs" / "deployment.md").read_text()
    (redis,), (gateway,) = found["redis"]["containers"], found["gateway"]["containers"]
    environment = {variable["name"]: variable.get("value", "") for variable in gateway["env"]}
    paths = {
        "redis-server": redis["args"],
        "redis-client": [
            environment["QUITTANCE_REDIS_PASSWORD_FILE"],
            environment["QUITTANCE_REDIS_URL"].split("=")[1],
        ],
    }
    for pod, name in ((found["redis"], "redis-server"), (found["gateway"], "redis-client")):
        assert name in {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        command = text.split(f"generic {name} ")[1].split("kubectl")[0]
        created = set(re.findall(r"--from-file=secrets/(\S+)", command))
        assert created == {path.split("/")[-1] for path in paths[name] if path.startswith("/run/redis/")}


def test_gateway_urls_match_the_services(resources: list[dict[str, Any]]) -> None:
    (gateway,) = pods(resources)["gateway"]["containers"]
    environment = {variable["name"]: variable.get("value") for variable in gateway["env"]}
    services = select(resources, "Service")
    for name in SERVICES:
        assert (
            environment[f"QUITTANCE_{name.upper()}_URL"]
            == f"http://{name}:{services[name]['spec']['ports'][0]['port']}"
        )

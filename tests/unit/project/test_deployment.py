"""The container files match each other and the code, as far as tests can tell without a container engine."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import torch
import yaml

from gateway.settings import GatewaySettings
from quittance.assembly import SERVICES
from shared.service.settings import ServiceSettings

ROLES = ("gateway", *SERVICES)


@pytest.fixture
def compose(repository: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((repository / "docker-compose.yml").read_text())
    return content


@pytest.fixture
def stages(repository: Path) -> dict[str, str]:
    """Return the text of each stage of the Dockerfile by name."""
    text = (repository / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
    parts = re.split(r"^FROM (\S+) AS (\S+)$", text, flags=re.MULTILINE)
    return {name: f"FROM {parent}\n{body}" for parent, name, body in zip(*[iter(parts[1:])] * 3, strict=True)}


def ancestry(stages: dict[str, str], name: str) -> str:
    """Return the text of a stage and of all stages that it builds on or copies from."""
    text = stages[name]
    sources = [text.split()[1], *re.findall(r"--from=(\S+)", text)]
    return "\n".join([text, *(ancestry(stages, source) for source in sources if source in stages)])


def test_compose_has_a_container_per_role(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {*ROLES, "redis", "redis-secrets"}
    for name, service in compose["services"].items():
        assert service["deploy"]["resources"]["limits"]["memory"], name
        assert service["restart"] == ("no" if name == "redis-secrets" else "unless-stopped")
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True


def test_only_the_gateway_reaches_redis_the_services_and_the_outside(compose: dict[str, Any]) -> None:
    assert compose["networks"] == {"services": {"internal": True}, "cache": {"internal": True}}
    networks = {name: service.get("networks") for name, service in compose["services"].items()}
    assert networks.pop("gateway") == ["default", "services", "cache"]
    assert networks == {name: ["services"] for name in SERVICES} | {"redis": ["cache"], "redis-secrets": None}
    assert compose["services"]["redis-secrets"]["network_mode"] == "none"


def test_redis_and_gateway_get_the_same_secrets(compose: dict[str, Any], repository: Path) -> None:
    redis, creator = compose["services"]["redis"], compose["services"]["redis-secrets"]
    assert "redis-secrets:/run/redis:ro" in redis["volumes"]
    assert "redis-secrets:/run/redis:ro" in compose["services"]["gateway"]["volumes"]
    script, target = creator["volumes"][0].split(":")[:2]
    assert (repository / script).is_file()
    assert creator["command"] == ["sh", target, creator["volumes"][1].split(":")[1]]
    assert redis["depends_on"] == {"redis-secrets": {"condition": "service_completed_successfully"}}


@pytest.mark.parametrize("role", ROLES)
def test_compose_matches_the_dockerfile(
    compose: dict[str, Any], stages: dict[str, str], repository: Path, role: str
) -> None:
    service = compose["services"][role]
    assert (repository / service["build"]["dockerfile"]).is_file()
    stage = stages[service["build"]["target"]]
    assert service["command"] == ["quittance", "serve", role]
    assert f"CMD {service['command']}".replace("'", '"') in stage
    port = service["environment"]["QUITTANCE_PORT"]
    assert f"ENV QUITTANCE_PORT={port}" in stage
    assert f"EXPOSE {port}" in stage
    assert "HEALTHCHECK" in stage
    # A number lets an orchestrator verify that it is not root.
    assert "\nUSER 10001\n" in stage
    # Without a build stage below it, the image has no compiler, pip or sources.
    assert stage.startswith("FROM base\n")


@pytest.mark.parametrize("role", ROLES)
def test_each_service_image_has_only_its_own_weights(stages: dict[str, str], role: str) -> None:
    text = ancestry(stages, role)
    assert ("torch==" in text) == (role != "gateway")
    held = {name for name in SERVICES if f"COPY services/{name} " in text}
    assert held == ({role} if role != "gateway" else set())


def test_bulk_image_has_all_weights_and_no_compiler(stages: dict[str, str]) -> None:
    text = ancestry(stages, "bulk")
    assert "COPY services services\n" in text
    assert "COPY bulk bulk\n" in text
    assert stages["bulk"].startswith("FROM base\n")
    assert "\nUSER 10001\n" in stages["bulk"]


def test_copied_files_exist_and_reach_the_builder(stages: dict[str, str], repository: Path) -> None:
    sent = {line[1:] for line in (repository / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for text in stages.values():
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, flags=re.MULTILINE):
            for source in sources.split():
                assert (repository / source).exists(), source
                assert source in sent or source.split("/")[0] in sent, source


def test_torch_in_the_images_has_the_version_of_the_project(stages: dict[str, str], repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    assert re.findall(r"torch==[\d.]+", stages["build-models"]) == project["project"]["optional-dependencies"]["torch"]


def test_gateway_urls_match_the_services(compose: dict[str, Any]) -> None:
    environment = compose["services"]["gateway"]["environment"]
    for name in SERVICES:
        url = urlsplit(environment[f"QUITTANCE_{name.upper()}_URL"])
        assert (url.hostname, url.port) == (name, compose["services"][name]["environment"]["QUITTANCE_PORT"])
    assert urlsplit(environment["QUITTANCE_REDIS_URL"]).hostname == "redis"
    assert set(compose["services"]["gateway"]["depends_on"]) == {*SERVICES, "redis"}
    assert [port.split(":")[-1] for port in compose["services"]["gateway"]["ports"]] == ["8000"]
    assert all("ports" not in compose["services"][name] for name in (*SERVICES, "redis"))


def test_dockerfile_passes_hadolint(repository: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([hadolint, repository / "deploy" / "Dockerfile"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("role", ROLES)
def test_application_needs_only_the_files_of_its_image(
    stages: dict[str, str], repository: Path, tmp_path: Path, role: str
) -> None:
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", ancestry(stages, role), flags=re.MULTILINE)
    for source in {source for sources in copies for source in sources.split()}:
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / source).symlink_to(repository / source)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("QUITTANCE_")}
    environment |= {"PYTHONPATH": str(tmp_path)}
    environment |= {f"QUITTANCE_{name.upper()}_URL": f"http://{name}:8000" for name in SERVICES}
    command = [sys.executable, "-c", f"from quittance import serve; print(serve.__file__); serve.create_app({role!r})"]
    result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(str(tmp_path))


def test_gpu_override_reserves_a_gpu_per_service(compose: dict[str, Any], repository: Path) -> None:
    override = yaml.safe_load((repository / "docker-compose.gpu.yml").read_text())["services"]
    assert set(override) == set(SERVICES)
    for name, service in override.items():
        assert service["environment"] == {"QUITTANCE_DEVICE": "cuda"}
        assert service["build"]["args"]["TORCH_INDEX"].startswith("${TORCH_INDEX:-https://download.pytorch.org/whl/cu")
        assert service["image"] != compose["services"][name]["image"]
        resources = service["deploy"]["resources"]
        assert resources["reservations"]["devices"] == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
        assert resources["limits"]["memory"]


@pytest.mark.parametrize("name", SERVICES)
def test_service_exits_without_a_gpu(name: str, tmp_path: Path, repository: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    override = yaml.safe_load((repository / "docker-compose.gpu.yml").read_text())["services"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("QUITTANCE_")}
    environment |= override[name]["environment"] | {"QUITTANCE_PORT": "0", "PYTHONPATH": str(repository)}
    command = [sys.executable, "-m", "quittance", "serve", name]
    result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert result.returncode == 3
    (message,) = [line for line in map(json.loads, result.stderr.splitlines()) if line["level"] == "critical"]
    assert "'cuda' was requested, but torch finds no CUDA device" in message["message"]


def test_gateway_answers_under_the_name_of_its_container(compose: dict[str, Any]) -> None:
    allowed = compose["services"]["gateway"]["environment"]["QUITTANCE_ALLOWED_HOSTS"]
    added = allowed.replace("${QUITTANCE_ALLOWED_HOSTS:-}", "receipts.example.com")
    assert GatewaySettings(allowed_hosts=added).admission.hosts == ("gateway", "receipts.example.com")
    assert GatewaySettings(allowed_hosts=allowed.partition("$")[0]).admission.hosts == ("gateway",)


def test_postgres_and_gateway_get_the_same_password(compose: dict[str, Any], repository: Path, tmp_path: Path) -> None:
    added = yaml.safe_load((repository / "docker-compose.postgres.yml").read_text())
    services = added["services"]
    assert set(services) == {"gateway", "postgres", "postgres-secrets"}
    for name in ("postgres", "postgres-secrets"):
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["read_only"] is True
        assert services[name]["deploy"]["resources"]["limits"]["memory"]
        assert "ports" not in services[name]
    # Only the gateway reaches it, and it reaches nothing.
    assert added["networks"] == {"database": {"internal": True}}
    assert services["gateway"]["networks"] == services["postgres"]["networks"] == ["database"]
    assert services["postgres-secrets"]["image"] == compose["services"]["gateway"]["image"]
    script, target = services["postgres-secrets"]["volumes"][0].split(":")[:2]
    assert services["postgres-secrets"]["command"][:2] == ["sh", target]
    for _ in range(2):  # a second run, at the next start, changes nothing
        subprocess.run(["sh", repository / script, tmp_path / "secrets"], check=True)
        created = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
        assert created.setdefault("password", "") == created["server"] != ""
    assert set(created) == {"password", "server"}
    environment, server = services["gateway"]["environment"], services["postgres"]["environment"]
    assert environment["QUITTANCE_DATABASE_PASSWORD_FILE"].endswith("/password")
    assert server["POSTGRES_PASSWORD_FILE"].endswith("/server")
    url = urlsplit(environment["QUITTANCE_DATABASE_URL"])
    assert (url.username, url.hostname) == (server["POSTGRES_USER"], "postgres")
    assert url.path == f"/{server['POSTGRES_DB']}"
    settings = GatewaySettings(
        database_url=environment["QUITTANCE_DATABASE_URL"], access=environment["QUITTANCE_ACCESS"][-5:-1]
    )
    assert settings.admission.access == "keys"


def test_monitoring_mounts_existing_files(compose: dict[str, Any], repository: Path) -> None:
    added = yaml.safe_load((repository / "deploy" / "docker-compose.monitoring.yml").read_text())
    mounts = {"prometheus": "/etc/prometheus/", "grafana": "/var/lib/grafana/dashboards"}
    for name, service in added["services"].items():
        assert name not in compose["services"]
        assert service["read_only"] is True
        assert service["deploy"]["resources"]["limits"]["memory"]
        assert ":" in service["image"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert (repository / source).exists() if source.startswith(".") else source in added["volumes"]
        assert any(volume.split(":")[1].startswith(mounts[name]) for volume in service["volumes"])
    provided = yaml.safe_load((repository / "deploy" / "grafana" / "provisioning" / "dashboards.yml").read_text())
    assert provided["providers"][0]["options"]["path"] == mounts["grafana"]
    config = yaml.safe_load((repository / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert config["rule_files"] == ["/etc/prometheus/alerts.yml"]


def test_prometheus_scrapes_every_application(compose: dict[str, Any], repository: Path) -> None:
    config = yaml.safe_load((repository / "deploy" / "prometheus" / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    ports = {role: compose["services"][role]["environment"]["QUITTANCE_PORT"] for role in ROLES}
    assert job["static_configs"] == [{"targets": [f"{role}:{port}" for role, port in ports.items()]}]
    # The alerts and the dashboard use this name.
    assert job["job_name"] == "quittance"


def test_variables_are_settings(compose: dict[str, Any], repository: Path) -> None:
    known = {f"QUITTANCE_{name.upper()}" for name in GatewaySettings.fields()}
    for service in compose["services"].values():
        assert set(service.get("environment", {})) - {"OTEL_EXPORTER_OTLP_ENDPOINT"} <= known
    example = (repository / ".env.example").read_text()
    named = dict(re.findall(r"^#?(QUITTANCE_\w+)=(.*)$", example, flags=re.MULTILINE))
    used = set(re.findall(r"\$\{(QUITTANCE_\w+)", (repository / "docker-compose.yml").read_text()))
    assert used <= set(named)
    assert set(named) - {"QUITTANCE_PUBLISH"} <= known
    for name, value in named.items():
        if name != "QUITTANCE_PUBLISH":
            default = GatewaySettings.fields()[name.removeprefix("QUITTANCE_").lower()].default
            assert str(default if default is not None else "") in (value, f"{value}.0"), name


def test_empty_variable_means_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose passes unset variables as empty strings."""
    monkeypatch.setenv("QUITTANCE_THREADS", "")
    assert ServiceSettings.from_environment().threads is None


def test_health_check_fails_if_nothing_listens(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUITTANCE_PORT", "1")
    check = runpy.run_path(str(repository / "deploy" / "healthcheck.py"))
    assert check["main"]() == 1
    assert "does not respond" in capsys.readouterr().out

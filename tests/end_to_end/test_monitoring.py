"""Dashboards, alerts and documentation use only metrics that the running apps expose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.deployment import Deployment
from tests.support.kubernetes import render, select

Labels = dict[str, set[str]]
SCRAPE_LABELS = {"job", "instance", "namespace"}
PROMETHEUS_SERIES = {"up": SCRAPE_LABELS}


def scrape(url: str) -> Labels:
    """Return the names and labels of the series that an app exposes."""
    found: Labels = {}
    text = httpx2.get(f"{url}/metrics", timeout=10).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.fixture(scope="module")
def series(deployment: Deployment, repository: Path) -> tuple[Labels, Labels]:
    """The series after one receipt: of the four apps together, and of the embedded gateway."""
    data = (repository / "tests" / "samples" / "malaysia.jpg").read_bytes()
    for gateway in (deployment.gateway, deployment.embedded):
        response = httpx2.post(f"{gateway.url}/v1/receipts", content=data, timeout=60)
        assert response.status_code == 200
    together: Labels = {}
    for process in (deployment.gateway, deployment.detector, deployment.recognizer, deployment.extractor):
        for name, labels in scrape(process.url).items():
            together.setdefault(name, set()).update(labels)
    return together, scrape(deployment.embedded.url)


def read_panel_queries(repository: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((repository / "deploy" / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


def read_alerts(repository: Path) -> Iterator[tuple[str, str]]:
    rules = yaml.safe_load((repository / "deploy" / "prometheus" / "alerts.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def read_autoscalers(repository: Path) -> Iterator[tuple[str, str]]:
    resources = render(repository / "deploy" / "kubernetes" / "overlays" / "keda")
    for name, scaler in select(resources, "ScaledObject").items():
        for trigger in scaler["spec"]["triggers"]:
            if trigger["type"] == "prometheus":
                yield name, trigger["metadata"]["query"]


def find_selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the series in a query with the labels it selects; raise ValueError if it is not valid PromQL."""

    def walk(node: Any) -> Iterator[Any]:
        yield node
        for name in ("expr", "lhs", "rhs", "vector_selector", "vs"):
            child = getattr(node, name, None)
            if child is not None:
                yield from walk(child)
        for child in getattr(node, "args", None) or []:
            yield from walk(child)

    found = [node for node in walk(promql_parser.parse(expression)) if isinstance(node, promql_parser.VectorSelector)]
    assert found, expression
    for node in found:
        assert node.name is not None, expression
        yield node.name, {matcher.name for matcher in node.matchers.matchers}


def find_grouping_labels(expression: str) -> set[str]:
    lists = re.findall(r"\bby \(([^)]*)\)", expression)
    return {name.strip() for names in lists for name in names.split(",") if name.strip()}


@pytest.mark.parametrize(
    "source", [read_panel_queries, read_alerts, read_autoscalers], ids=["dashboard", "alerts", "autoscalers"]
)
def test_queries_use_exposed_series_and_labels(series: tuple[Labels, Labels], repository: Path, source: Any) -> None:
    queries = list(source(repository))
    assert len(queries) >= (4 if source is read_autoscalers else 9)
    for known in series:
        for title, expression in queries:
            labels: set[str] = set()
            for name, selected in find_selectors(expression):
                # Problems of stages have no series before the first one.
                default = {"stage", "code", "service"} if "problems" in name else None
                exposed = (known | PROMETHEUS_SERIES).get(name, default)
                assert exposed is not None, f"{title}: no app exposes {name}"
                assert selected <= exposed | SCRAPE_LABELS, f"{title}: {name} has no {selected - exposed}"
                labels |= exposed
            assert find_grouping_labels(expression) <= labels | SCRAPE_LABELS, title


def test_documentation_lists_exactly_the_exposed_metrics(series: tuple[Labels, Labels], repository: Path) -> None:
    text = (repository / "docs" / "operations.md").read_text()
    listed = {
        name: set(re.findall(r"`(\w+)`", labels)) | {"service"}
        for name, labels in re.findall(r"^\| `(quittance_\w+)` \| ([^|]*)\|", text, flags=re.MULTILINE)
    }
    for known in series:
        families: Labels = {}
        for name, labels in known.items():
            if name.startswith("quittance_"):
                families.setdefault(re.sub(r"_(bucket|sum|count)$", "", name), set()).update(labels - {"le"})
        families.setdefault("quittance_stage_problems_total", {"stage", "code", "service"})
        assert families == listed
    named = {name for name, _ in read_alerts(repository)}
    assert named == set(re.findall(r"`(Quittance\w+)`", text))


def test_embedded_gateway_exposes_metrics_of_its_services(deployment: Deployment) -> None:
    text = httpx2.get(f"{deployment.embedded.url}/metrics", timeout=10).text
    for service in ("detector", "recognizer", "extractor"):
        assert f'quittance_queue_length{{batcher="{service}",service="{service}"}} 0.0' in text
        assert f'quittance_ready{{service="{service}"}} 1.0' in text
    assert text.count("# TYPE quittance_requests_total counter") == 1

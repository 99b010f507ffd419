"""The dashboard, the alerts and the documentation name metrics that the running applications really show."""

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

Labels = dict[str, set[str]]
OF_PROMETHEUS = {"up": {"job", "instance"}}
OF_SCRAPING = {"job", "instance"}


def shown(url: str) -> Labels:
    """The series that an application shows: name and labels of each, as a query would name them."""
    found: Labels = {}
    text = httpx2.get(f"{url}/metrics", timeout=10).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.fixture(scope="module")
def series(deployment: Deployment, repository: Path) -> tuple[Labels, Labels]:
    """What is shown after one receipt: by the four applications together, and by all in one process."""
    data = (repository / "tests" / "samples" / "malaysia.jpg").read_bytes()
    for gateway in (deployment.gateway, deployment.embedded):
        answer = httpx2.post(f"{gateway.url}/v1/receipts", content=data, timeout=60)
        assert answer.status_code == 200
    together: Labels = {}
    for process in (deployment.gateway, deployment.detector, deployment.recognizer, deployment.extractor):
        for name, labels in shown(process.url).items():
            together.setdefault(name, set()).update(labels)
    return together, shown(deployment.embedded.url)


def panels(repository: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((repository / "deploy" / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


def alerts(repository: Path) -> Iterator[tuple[str, str]]:
    rules = yaml.safe_load((repository / "deploy" / "prometheus" / "alerts.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The series a query names, with the labels it asks for; raises ValueError if it is not PromQL."""

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


def grouped_by(expression: str) -> set[str]:
    lists = re.findall(r"\bby \(([^)]*)\)", expression)
    return {name.strip() for names in lists for name in names.split(",") if name.strip()}


@pytest.mark.parametrize("source", [panels, alerts], ids=["dashboard", "alerts"])
def test_every_query_names_series_and_labels_that_are_shown(
    series: tuple[Labels, Labels], repository: Path, source: Any
) -> None:
    queries = list(source(repository))
    assert len(queries) >= 9
    for known in series:
        for title, expression in queries:
            labels: set[str] = set()
            for name, asked in selectors(expression):
                # A problem of a stage has no series before the first one.
                there = (known | OF_PROMETHEUS).get(name, {"stage", "code", "service"} if "problems" in name else None)
                assert there is not None, f"{title}: no application exposes {name}"
                assert asked <= there | OF_SCRAPING, f"{title}: {name} has no {asked - there}"
                labels |= there
            assert grouped_by(expression) <= labels | OF_SCRAPING, title


def test_the_documentation_lists_what_is_shown_and_nothing_else(
    series: tuple[Labels, Labels], repository: Path
) -> None:
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
    named = {name for name, _ in alerts(repository)}
    assert named == set(re.findall(r"`(Quittance\w+)`", text))


def test_one_process_shows_the_metrics_of_the_services_inside_it(deployment: Deployment) -> None:
    text = httpx2.get(f"{deployment.embedded.url}/metrics", timeout=10).text
    for service in ("detector", "recognizer", "extractor"):
        assert f'quittance_queue_length{{batcher="{service}",service="{service}"}} 0.0' in text
        assert f'quittance_ready{{service="{service}"}} 1.0' in text
    assert text.count("# TYPE quittance_requests_total counter") == 1

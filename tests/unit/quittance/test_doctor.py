"""The checks of `quittance doctor`."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from quittance.doctor import Finding, examine
from tests.support.command_line import run_command


@pytest.fixture(autouse=True)
def _free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATEWAY", "DETECTOR", "RECOGNIZER", "EXTRACTOR"):
        monkeypatch.setenv(f"QUITTANCE_{name}_PORT", "0")
    monkeypatch.delenv("QUITTANCE_REDIS_URL", raising=False)


def findings() -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine()}


def test_accepts_a_checkout_with_its_weights() -> None:
    found = findings()
    assert [finding for finding in found.values() if finding.state == "fail"] == []
    assert found["recognizer weights"].detail.startswith("crnn-")
    assert found["redis"].state == "note"
    result = run_command("doctor")
    assert result.exit_code == 0
    assert "extractor weights: charlstm-" in result.stdout


def test_reports_everything_that_would_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUITTANCE_DETECTOR_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("QUITTANCE_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("QUITTANCE_DEVICE", "abacus")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("QUITTANCE_GATEWAY_PORT", str(taken.getsockname()[1]))
        found = findings()
    failed = {finding.subject for finding in found.values() if finding.state == "fail"}
    assert failed == {"detector weights", "redis", "engine", "gateway port"}
    assert run_command("doctor").exit_code == 1


def test_reports_invalid_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_MAX_PAGES", "many")
    assert "QUITTANCE_MAX_PAGES" in findings()["settings"].detail


def test_reports_a_state_directory_that_is_not_writable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    monkeypatch.setenv("QUITTANCE_STATE_DIRECTORY", str(folder))
    assert findings()["state directory"] == Finding("state directory", "ok", f"{folder}, will be created")
    assert not (tmp_path / "a").exists()
    (tmp_path / "a").write_text("a file")
    assert findings()["state directory"].state == "fail"
    assert "QUITTANCE_STATE_DIRECTORY" in findings()["state directory"].detail


def test_reports_an_unreachable_service(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        for name in ("DETECTOR", "RECOGNIZER", "EXTRACTOR"):
            monkeypatch.setenv(f"QUITTANCE_{name}_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        (found,) = [one for one in findings().values() if one.subject.startswith("detector at")]
    assert found.state == "fail"
    assert "quittance serve detector" in found.detail

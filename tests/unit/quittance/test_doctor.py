from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quittance import cli
from quittance.doctor import Finding, examine


@pytest.fixture(autouse=True)
def free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATEWAY", "DETECTOR", "RECOGNIZER", "EXTRACTOR"):
        monkeypatch.setenv(f"QUITTANCE_{name}_PORT", "0")
    monkeypatch.delenv("QUITTANCE_REDIS_URL", raising=False)


def findings() -> dict[str, Finding]:
    return {finding.what: finding for finding in examine()}


def test_a_checkout_with_its_weights_is_well() -> None:
    found = findings()
    assert [finding for finding in found.values() if finding.state == "bad"] == []
    assert found["recognizer weights"].detail.startswith("crnn-")
    assert found["redis"].state == "note"
    result = CliRunner().invoke(cli.app, ["doctor"])
    assert result.exit_code == 0
    assert "extractor weights: charlstm-" in result.stdout


def test_what_would_not_run_is_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUITTANCE_DETECTOR_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("QUITTANCE_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("QUITTANCE_DEVICE", "abacus")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("QUITTANCE_GATEWAY_PORT", str(taken.getsockname()[1]))
        found = findings()
    bad = {finding.what for finding in found.values() if finding.state == "bad"}
    assert bad == {"detector weights", "redis", "engine", "gateway port"}
    assert "Cannot read" in found["detector weights"].detail
    assert CliRunner().invoke(cli.app, ["doctor"]).exit_code == 1


def test_wrong_settings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_MAX_PAGES", "many")
    assert "QUITTANCE_MAX_PAGES" in findings()["settings"].detail


def test_the_state_directory_has_to_be_writable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUITTANCE_STATE_DIRECTORY", str(tmp_path / "a" / "b"))
    assert findings()["state directory"] == Finding("state directory", "good", f"{tmp_path / 'a' / 'b'}, not made yet")
    assert not (tmp_path / "a").exists()
    (tmp_path / "a").write_text("a file")
    assert findings()["state directory"].state == "bad"
    assert "QUITTANCE_STATE_DIRECTORY" in findings()["state directory"].detail


def test_services_elsewhere_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        for name in ("DETECTOR", "RECOGNIZER", "EXTRACTOR"):
            monkeypatch.setenv(f"QUITTANCE_{name}_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        (found,) = [one for one in findings().values() if one.what.startswith("detector at")]
    assert found.state == "bad"
    assert "quittance serve detector" in found.detail

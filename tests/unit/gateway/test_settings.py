"""Settings of the gateway: groups, environment variables, and messages about wrong values."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings import GatewaySettings, JobSettings, decode_webhook_secret
from shared.service.settings import SettingsError

URLS = {f"QUITTANCE_{name}_URL": f"http://{name.lower()}:8000" for name in ("DETECTOR", "RECOGNIZER", "EXTRACTOR")}


def test_stages_run_in_process_without_urls() -> None:
    assert GatewaySettings.from_environment().stages.are_remote is False


def test_stages_are_remote_with_all_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, url in URLS.items():
        monkeypatch.setenv(name, url)
    assert GatewaySettings.from_environment().stages.are_remote is True


@pytest.mark.parametrize("given", [["QUITTANCE_DETECTOR_URL"], ["QUITTANCE_DETECTOR_URL", "QUITTANCE_EXTRACTOR_URL"]])
def test_error_names_missing_urls(monkeypatch: pytest.MonkeyPatch, given: list[str]) -> None:
    for name in given:
        monkeypatch.setenv(name, URLS[name])
    with pytest.raises(SettingsError) as caught:
        GatewaySettings.from_environment()
    assert {name for name in URLS if name in str(caught.value)} == set(URLS) - set(given)


def test_error_names_every_wrong_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"PORT": "x", "REDIS_URL": "localhost:6379", "CACHE_TTL_S": "-1", "DETECTOR_URL": "x", "JOB_TTL_S": "soon"}
    for name, value in wrong.items():
        monkeypatch.setenv(f"QUITTANCE_{name}", value)
    with pytest.raises(SettingsError) as caught:
        GatewaySettings.from_environment()
    assert [f"QUITTANCE_{name}:" in str(caught.value) for name in wrong] == [True] * len(wrong)
    assert "Seconds that a job and its results are kept." in str(caught.value)


@pytest.mark.parametrize("secret", ["", "secret", "whsec_", "whsec_%%%", "whsec_c2hvcnQ=", "whsec_" + "A" * 100])
def test_rejects_malformed_webhook_secret_without_showing_it(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"must|not valid base64"):
        decode_webhook_secret(secret)
    if secret:
        monkeypatch.setenv("QUITTANCE_WEBHOOK_SECRET", secret)
        with pytest.raises(SettingsError, match="QUITTANCE_WEBHOOK_SECRET") as raised:
            GatewaySettings.from_environment()
        assert secret.removeprefix("whsec_")[:8] not in str(raised.value) or len(secret) < 12


def test_variables_of_the_gateway_win_over_common_ones_in_groups_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("QUITTANCE_JOB_TTL_S=100\nQUITTANCE_CACHE_TTL_S=200\nQUITTANCE_MAX_PAGES=3\n")
    monkeypatch.setenv("QUITTANCE_CACHE_TTL_S", "300")
    monkeypatch.setenv("QUITTANCE_MAX_PAGES", "4")
    monkeypatch.setenv("QUITTANCE_GATEWAY_MAX_PAGES", "5")
    settings = GatewaySettings.from_environment()
    assert (settings.jobs.job_ttl_s, settings.storage.cache_ttl_s, settings.reading.max_pages) == (100, 300, 5)


def test_groups_are_given_whole_or_by_the_names_of_their_settings() -> None:
    assert GatewaySettings(job_ttl_s=99).jobs == GatewaySettings(jobs=JobSettings(job_ttl_s=99)).jobs
    assert GatewaySettings(job_ttl_s=99).jobs.job_ttl_s == 99


def test_replaced_changes_settings_of_groups_too() -> None:
    before = GatewaySettings(port=1, max_pages=2)
    after = before.replaced(port=3, rate_limit="1/second")
    assert (after.port, after.reading.max_pages, after.admission.rate_limit) == (3, 2, "1/second")
    assert (before.port, before.admission.rate_limit) == (1, None)


def test_fields_are_those_of_all_groups() -> None:
    fields = GatewaySettings.fields()
    assert {"port", "detector_url", "max_receipts", "redis_url", "access", "job_ttl_s"} <= fields.keys()
    assert not GatewaySettings.groups().keys() & fields.keys()

"""The commands `migrate`, `backup` and `restore`."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.admission.api_keys import KeyStore
from gateway.storage.database.sqlite import SqliteDatabase
from tests.support.command_line import run_command


def test_saves_and_restores_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    KeyStore(SqliteDatabase(tmp_path / "state")).create("books")
    monkeypatch.setenv("QUITTANCE_STATE_DIRECTORY", str(tmp_path / "state"))
    saved = run_command("backup", tmp_path / "copy")
    assert saved.exit_code == 0, saved.output
    assert "API keys: 1; corrected receipts: 0; jobs: 0" in saved.output
    again = run_command("backup", tmp_path / "copy")
    assert (again.exit_code, "exists" in again.output) == (1, True)
    monkeypatch.setenv("QUITTANCE_STATE_DIRECTORY", str(tmp_path / "new"))
    restored = run_command("restore", tmp_path / "copy")
    assert restored.exit_code == 0, restored.output
    assert "API keys: 1;" in restored.output
    assert [key.name for key in KeyStore(SqliteDatabase(tmp_path / "new")).list()] == ["books"]
    refused = run_command("restore", tmp_path / "copy")
    assert (refused.exit_code, "--force" in refused.output) == (1, True)
    assert run_command("restore", tmp_path / "copy", "--force").exit_code == 0


def test_says_that_jobs_in_redis_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("QUITTANCE_REDIS_URL", "redis://127.0.0.1:1/0")
    assert "Jobs are in Redis" in run_command("backup", tmp_path / "redis").output
    monkeypatch.setenv("QUITTANCE_JOB_REDIS", "off")
    assert "Redis" not in run_command("backup", tmp_path / "database").output


def test_migrate_says_what_it_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.release_0_1_0 import write_files

    write_files(tmp_path / "state")
    monkeypatch.setenv("QUITTANCE_STATE_DIRECTORY", str(tmp_path / "state"))
    refused = run_command("backup", tmp_path / "copy")
    assert (refused.exit_code, "quittance migrate" in refused.output) == (1, True)
    assert "Upgraded" in run_command("migrate").output
    assert "up to date" in run_command("migrate").output
    assert run_command("backup", tmp_path / "copy").exit_code == 0

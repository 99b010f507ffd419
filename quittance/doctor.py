"""Checks what Quittance needs on this machine: processor, engine, weights, Redis, state directory, ports."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import httpx2
from redis import Redis
from redis.exceptions import RedisError

from gateway.composition import read_redis_password
from gateway.settings import GatewaySettings, StageSettings, StorageSettings
from gateway.storage.database.database import DatabaseError
from gateway.storage.database.opening import open_database
from services.detector.network.loading import NAME as DETECTOR
from services.detector.orientation.loading import NAME as ORIENTATION
from services.detector.settings import DetectorSettings
from services.extractor.network.loading import NAME as EXTRACTOR
from services.extractor.settings import ExtractorSettings
from services.recognizer.language.model import NAME as LANGUAGE
from services.recognizer.language.model import WEIGHTS as LANGUAGE_WEIGHTS
from services.recognizer.network.loading import NAME as RECOGNIZER
from services.recognizer.settings import RecognizerSettings
from shared.inference.engines import EngineError, choose_engine
from shared.inference.processor import count_cores, cpu_features, has_bfloat16
from shared.inference.weights import WeightsError, load_weights
from shared.service.settings import ServiceSettings, SettingsError
from shared.startup import StartupError

# Processor features that make networks fast, the best first.
_FAST_FEATURES = ("amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx_vnni", "avx512f", "avx2")
_MIN_FREE_BYTES = 256 * 2**20
_TIMEOUT_S = 2.0
State = Literal["ok", "note", "fail"]


@dataclass(frozen=True)
class Finding:
    """The result of one check: `ok`, a `note` that only costs speed, or `fail` if Quittance cannot run this way."""

    subject: str
    state: State
    detail: str


def examine() -> Iterator[Finding]:
    """Run all checks, with the same settings as `quittance serve`."""
    yield _check_processor()
    try:
        gateway = GatewaySettings.from_environment()
        detector, recognizer = DetectorSettings.from_environment(), RecognizerSettings.from_environment()
        extractor = ExtractorSettings.from_environment()
    except SettingsError as error:
        yield Finding("settings", "fail", str(error))
        return
    yield _check_engine(detector)
    for subject, name, folder in (
        ("detector", DETECTOR, detector.weights),
        ("orientation", ORIENTATION, detector.orientation_weights),
        ("recognizer", RECOGNIZER, recognizer.weights),
        ("language model", LANGUAGE, LANGUAGE_WEIGHTS),
        ("extractor", EXTRACTOR, extractor.weights),
    ):
        yield _check_weights(f"{subject} weights", name, folder)
    yield _check_redis(gateway.storage)
    if gateway.storage.database_url is not None:
        yield _check_database(gateway.storage)
    yield _check_state(gateway.storage.state_directory)
    if gateway.stages.are_remote:
        yield from _check_stages(gateway.stages)
    for app in (gateway, detector, recognizer, extractor):
        yield _check_port(app.service, app.host, app.port)


def _check_processor() -> Finding:
    features = ", ".join(name for name in _FAST_FEATURES if name in cpu_features()) or "no known vector extensions"
    if has_bfloat16():
        return Finding("processor", "ok", f"{count_cores()} cores, {features}")
    return Finding(
        "processor", "note", f"{count_cores()} cores, {features}; slower, because it cannot multiply bfloat16"
    )


def _check_engine(settings: ServiceSettings) -> Finding:
    try:
        name = choose_engine(settings.engine, settings.device)
    except EngineError as error:
        return Finding("engine", "fail", str(error))
    if name == "torch":
        from shared.inference.device import DeviceError, select_device  # slow to import, and not always installed

        try:
            return Finding("engine", "ok", f"torch {version(name)} on {select_device(settings.device)}")
        except DeviceError as error:
            return Finding("engine", "fail", str(error))
    return Finding("engine", "ok", f"OpenVINO {version(name)} on the processor")


def _check_weights(subject: str, name: str, folder: Path) -> Finding:
    try:
        return Finding(subject, "ok", load_weights(folder, name=name)[0].version)
    except WeightsError as error:
        return Finding(subject, "fail", str(error))


def _check_redis(settings: StorageSettings) -> Finding:
    if settings.redis_url is None:
        detail = "QUITTANCE_REDIS_URL is not set; each gateway caches in its own memory"
        return Finding("redis", "note", detail)
    try:
        url, timeout = str(settings.redis_url), _TIMEOUT_S
        password = read_redis_password(settings)
        with Redis.from_url(url, password=password, socket_timeout=timeout, socket_connect_timeout=timeout) as redis:
            redis.ping()
    except (RedisError, OSError, StartupError) as error:
        return Finding("redis", "fail", f"no response ({error}). Start Redis, or unset QUITTANCE_REDIS_URL")
    return Finding("redis", "ok", "reachable")


def _check_database(settings: StorageSettings) -> Finding:
    """Check that PostgreSQL can be reached, without upgrading its schema."""
    from gateway.storage.database.postgres import PostgresDatabase

    try:
        database = open_database(settings)
        assert isinstance(database, PostgresDatabase)  # noqa: S101 - there is a URL
        revision = database.find_revision()
    except (DatabaseError, StartupError) as error:
        return Finding("database", "fail", str(error))
    return Finding("database", "ok", f"reachable, schema {revision or 'to be created'}")


def _check_state(directory: Path) -> Finding:
    """Check that corrections, jobs and keys can be stored, without creating the directory."""
    existing = next(one for one in (directory, *directory.absolute().parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = shutil.disk_usage(existing).free
    except OSError as error:
        return Finding(
            "state directory",
            "fail",
            f"{directory} is not writable ({error.strerror}). Make it writable, or set QUITTANCE_STATE_DIRECTORY",
        )
    if free < _MIN_FREE_BYTES:
        return Finding("state directory", "note", f"{directory} has only {free >> 20} MiB of free space")
    suffix = "" if existing == directory else ", will be created"
    return Finding("state directory", "ok", f"{directory}{suffix}")


def _check_stages(settings: StageSettings) -> Iterator[Finding]:
    """Check that the services at the URLs in the settings are ready."""
    for name in ("detector", "recognizer", "extractor"):
        url = str(getattr(settings, f"{name}_url")).rstrip("/")
        subject = f"{name} at {url}"
        try:
            response = httpx2.get(f"{url}/readyz", timeout=_TIMEOUT_S, trust_env=False)
        except httpx2.HTTPError as error:
            yield Finding(subject, "fail", f"cannot be reached ({error}). Start it: quittance serve {name}")
            continue
        if response.is_success:
            yield Finding(subject, "ok", "ready")
        else:
            yield Finding(subject, "fail", f"responds with {response.status_code}: not ready, or not a {name}")


def _check_port(service: str, host: str, port: int) -> Finding:
    subject = f"{service} port"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return Finding(subject, "fail", f"cannot listen on {host}:{port}: {error.strerror}. Is it already running?")
    return Finding(subject, "ok", f"{host}:{port} is free")

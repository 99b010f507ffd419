"""Looks at what Quittance needs on this machine: processor, engine, weights, Redis, state, ports."""

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

from gateway.settings import GatewaySettings
from services.detector.network.loading import NAME as DETECTOR
from services.detector.orientation.engine import NAME as ORIENTATION
from services.detector.settings import DetectorSettings
from services.extractor.network.loading import NAME as EXTRACTOR
from services.extractor.settings import ExtractorSettings
from services.recognizer.language.model import NAME as LANGUAGE
from services.recognizer.language.model import WEIGHTS as LANGUAGE_WEIGHTS
from services.recognizer.network.loading import NAME as RECOGNIZER
from services.recognizer.settings import RecognizerSettings
from shared.inference.engines import EngineError, choose_engine
from shared.inference.processor import cores, flags, has_bfloat16
from shared.inference.weights import WeightsError, load_weights
from shared.service.settings import ServiceSettings, SettingsError

#: Features of processors that make networks fast, the best first.
_ABILITIES = ("amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx_vnni", "avx512f", "avx2")
_LITTLE_BYTES = 256 * 2**20
_PATIENCE_S = 2.0
State = Literal["good", "note", "bad"]


@dataclass(frozen=True)
class Finding:
    """What was found of one thing: `good`, a `note` that costs nothing but speed, or `bad`: it will not run so."""

    what: str
    state: State
    detail: str


def examine() -> Iterator[Finding]:
    """Look at everything, one after the other; settings come from the environment as for `quittance serve`."""
    yield _processor()
    try:
        gateway = GatewaySettings.from_environment()
        detector, recognizer = DetectorSettings.from_environment(), RecognizerSettings.from_environment()
        extractor = ExtractorSettings.from_environment()
    except SettingsError as error:
        yield Finding("settings", "bad", str(error))
        return
    yield _engine(detector)
    for what, name, folder in (
        ("detector", DETECTOR, detector.weights),
        ("orientation", ORIENTATION, detector.orientation_weights),
        ("recognizer", RECOGNIZER, recognizer.weights),
        ("language model", LANGUAGE, LANGUAGE_WEIGHTS),
        ("extractor", EXTRACTOR, extractor.weights),
    ):
        yield _weights(f"{what} weights", name, folder)
    yield _redis(gateway)
    yield _state(gateway.state_directory)
    if gateway.stages_are_remote:
        yield from _stages(gateway)
    for app in (gateway, detector, recognizer, extractor):
        yield _port(app.service, app.host, app.port)


def _processor() -> Finding:
    able = ", ".join(name for name in _ABILITIES if name in flags()) or "nothing known of its vector units"
    if has_bfloat16():
        return Finding("processor", "good", f"{cores()} cores, {able}")
    return Finding("processor", "note", f"{cores()} cores, {able}: slower, as it does not multiply bfloat16")


def _engine(settings: ServiceSettings) -> Finding:
    try:
        name = choose_engine(settings.engine, settings.device)
    except EngineError as error:
        return Finding("engine", "bad", str(error))
    if name == "torch":
        from shared.inference.device import DeviceError, select_device  # takes a second, and is not always installed

        try:
            return Finding("engine", "good", f"torch {version(name)} on {select_device(settings.device)}")
        except DeviceError as error:
            return Finding("engine", "bad", str(error))
    return Finding("engine", "good", f"OpenVINO {version(name)} on the processor")


def _weights(what: str, name: str, folder: Path) -> Finding:
    try:
        return Finding(what, "good", load_weights(folder, name=name)[0].version)
    except WeightsError as error:
        return Finding(what, "bad", str(error))


def _redis(settings: GatewaySettings) -> Finding:
    if settings.redis_url is None:
        return Finding("redis", "note", "QUITTANCE_REDIS_URL is not set: the cache is in memory, each gateway's own")
    try:
        with Redis.from_url(str(settings.redis_url), socket_timeout=2.0, socket_connect_timeout=2.0) as redis:
            redis.ping()
    except (RedisError, OSError) as error:
        return Finding("redis", "bad", f"it does not answer ({error}). Start it, or unset QUITTANCE_REDIS_URL")
    return Finding("redis", "good", "it answers")


def _state(directory: Path) -> Finding:
    """Whether corrections, jobs and keys can be kept; makes the directory no more than a look into it needs."""
    there = next(one for one in (directory, *directory.absolute().parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding(
            "state directory",
            "bad",
            f"{directory} cannot be written to ({error.strerror}). Make it writable, or set QUITTANCE_STATE_DIRECTORY",
        )
    if free < _LITTLE_BYTES:
        return Finding("state directory", "note", f"{directory} has {free >> 20} MiB left: make room")
    return Finding("state directory", "good", f"{directory}{'' if there == directory else ', not made yet'}")


def _stages(gateway: GatewaySettings) -> Iterator[Finding]:
    """Whether the services at the URLs in the settings take work."""
    for name in ("detector", "recognizer", "extractor"):
        url = str(getattr(gateway, f"{name}_url")).rstrip("/")
        try:
            answer = httpx2.get(f"{url}/readyz", timeout=_PATIENCE_S, trust_env=False)
        except httpx2.HTTPError as error:
            yield Finding(f"{name} at {url}", "bad", f"cannot be reached ({error}). Start it: quittance serve {name}")
            continue
        if answer.is_success:
            yield Finding(f"{name} at {url}", "good", "ready")
        else:
            yield Finding(f"{name} at {url}", "bad", f"answers {answer.status_code}: not ready yet, or something else")


def _port(service: str, host: str, port: int) -> Finding:
    what = f"{service} port"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return Finding(what, "bad", f"{host}:{port} cannot be used: {error.strerror}. Is it running already?")
    return Finding(what, "good", f"{host}:{port} is free")

"""Looks at what Quittance needs on this machine: processor, device, weights, Redis, ports."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from redis import Redis
from redis.exceptions import RedisError

from gateway.settings import GatewaySettings
from services.detector.orientation.network import NAME as ORIENTATION
from services.detector.predictor import NAME as DETECTOR
from services.detector.settings import DetectorSettings
from services.extractor.predictor import NAME as EXTRACTOR
from services.extractor.settings import ExtractorSettings
from services.recognizer.language.model import NAME as LANGUAGE
from services.recognizer.language.model import WEIGHTS as LANGUAGE_WEIGHTS
from services.recognizer.predictor import NAME as RECOGNIZER
from services.recognizer.settings import RecognizerSettings
from shared.device import inference_dtype, select_device
from shared.settings import SettingsError
from shared.weights import WeightsError, load_weights

State = Literal["good", "note", "bad"]


@dataclass(frozen=True)
class Finding:
    """What was found of one thing: `good`, a `note` that costs nothing but speed, or `bad`: it will not run so."""

    what: str
    state: State
    detail: str


def examine() -> Iterator[Finding]:
    """Look at everything, one after the other; settings come from the environment as for `quittance serve`."""
    yield Finding(
        "processor",
        "good",
        f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
    )
    try:
        gateway = GatewaySettings.from_environment()
        detector, recognizer = DetectorSettings.from_environment(), RecognizerSettings.from_environment()
        extractor = ExtractorSettings.from_environment()
    except SettingsError as error:
        yield Finding("settings", "bad", str(error))
        return
    yield _device(detector.device)
    for what, name, folder in (
        ("detector", DETECTOR, detector.weights),
        ("orientation", ORIENTATION, detector.orientation_weights),
        ("recognizer", RECOGNIZER, recognizer.weights),
        ("language model", LANGUAGE, LANGUAGE_WEIGHTS),
        ("extractor", EXTRACTOR, extractor.weights),
    ):
        yield _weights(f"{what} weights", name, folder)
    yield _redis(gateway)
    for app in (gateway, detector, recognizer, extractor):
        yield _port(app.service, app.host, app.port)


def _device(name: str) -> Finding:
    try:
        device = select_device(name)
    except ValueError as error:
        return Finding("device", "bad", str(error))
    if inference_dtype(device) == torch.float32:
        return Finding("device", "note", f"{device}, float32: slower, as the processor does not multiply bfloat16")
    return Finding("device", "good", f"{device}, bfloat16")


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

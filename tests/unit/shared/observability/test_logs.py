"""Tests of structured logs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from asgi_correlation_id import correlation_id

from shared.observability.logs import configure_logging
from shared.service.request_context import request_id_headers


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    token = correlation_id.set(None)
    yield
    correlation_id.reset(token)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_line_has_message_values_and_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    correlation_id.set("abc")
    logging.getLogger("toy").info("request", extra={"status": 200, "path": "/v1/ü"})
    logging.getLogger("toy").debug("too quiet")
    output, line = capsys.readouterr()
    assert output == ""
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "message": "request",
        "level": "info",
        "logger": "toy",
        "status": 200,
        "path": "/v1/ü",
        "request_id": "abc",
    }


def test_leaves_out_the_private_attribute_of_ray(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    record = logging.makeLogRecord({"name": "toy", "levelno": logging.INFO, "msg": "done", "_ray_timestamp_ns": 1})
    logging.getLogger("toy").handle(record)
    event = json.loads(capsys.readouterr().err)
    assert (event["message"], "_ray_timestamp_ns" in event) == ("done", False)


def test_exception_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    try:
        raise ValueError("wrong\nweights")
    except ValueError:
        logging.getLogger("toy").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "wrong\nweights" in json.loads(line)["exception"]


def test_text_format_is_not_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning", "text")
    logging.getLogger("toy").warning("look here", extra={"status": 503})
    line = capsys.readouterr().err
    assert "look here" in line
    assert "503" in line
    assert not line.startswith("{")


def test_request_id_is_forwarded_only_inside_a_request() -> None:
    assert request_id_headers() == {}
    correlation_id.set("abc")
    assert request_id_headers() == {"X-Request-ID": "abc"}

"""Structured logs: one JSON object a line on standard error, with the ids of request and trace.

Code logs with the standard `logging` and names values in `extra`; nothing is configured at import. What was read off a
receipt, and names of files, are never logged.
"""

from __future__ import annotations

import logging
import logging.config
import sys
from contextvars import ContextVar

import structlog
from asgi_correlation_id import correlation_id
from structlog.typing import EventDict, Processor, WrappedLogger

REQUEST_ID_HEADER = "X-Request-ID"
trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)
"""Of the present request, 32 hexadecimal digits; None while traces are off, see `shared.service.tracing`."""


def request_id_headers() -> dict[str, str]:
    """Headers that carry the id of the present request on to another service; empty outside of a request."""
    request_id = correlation_id.get()
    return {REQUEST_ID_HEADER: request_id} if request_id else {}


def configure_logging(level: str = "info", log_format: str = "json") -> None:
    """Sends all logs of the process to standard error. Called once, by whatever runs the process.

    Args:
        level: debug, info, warning or error.
        log_format: `json` for machines, `text` for people.
    """
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _complete,
    ]
    if log_format == "json":
        last: list[Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in ("httpx2", "httpcore2", "python_multipart", "PIL", "taskiq"):  # they log each step of each request
        logging.getLogger(name).setLevel(logging.WARNING)


def _complete(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn's second wording of the same
    request_id = correlation_id.get()
    if request_id:
        event.setdefault("request_id", request_id)
    if trace := trace_id.get():
        event.setdefault("trace_id", trace)
    return event

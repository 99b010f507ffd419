"""Structured logs: one JSON object per line on standard error, with request ID and trace ID.

Code logs with the standard `logging` module and passes values in `extra`. Importing this module configures nothing.
Text of receipts and names of files are never logged.
"""

from __future__ import annotations

import logging
import logging.config
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.service.request_context import current_request_id, current_trace_id

_UVICORN_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access")
_NOISY_LOGGERS = ("httpx2", "httpcore2", "python_multipart", "PIL", "taskiq")  # log every step of every request


def configure_logging(level: str = "info", log_format: str = "json") -> None:
    """Send all logs of the process to standard error; called once by the code that runs the process.

    Args:
        level: debug, info, warning or error.
        log_format: `json` for machines, `text` for people.
    """
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request,
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
    for name in _UVICORN_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def _add_request(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn repeats its message here
    event.pop("_ray_timestamp_ns", None)  # Ray adds it to every record once it is imported
    if request_id := current_request_id():
        event.setdefault("request_id", request_id)
    if trace_id := current_trace_id():
        event.setdefault("trace_id", trace_id)
    return event

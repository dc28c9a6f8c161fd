"""Logs as JSON lines on standard error, ours and the libraries' alike, and no line with a patient's data.

What a library says may quote what it worked on. So its lines are the texts that its authors wrote, without the values
that were put into them; and of an exception, ours or anybody's, a line has the type and the place.
"""

import asyncio
import json
import logging
import sys
import threading
from collections.abc import MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any

import structlog
from opentelemetry import trace

from priorauth.domain.errors import whereabouts

_log = structlog.get_logger(__name__)

Event = MutableMapping[str, Any]


def configure_logging(level: str) -> None:
    """Log from now on, and log whatever nobody has caught."""
    time_and_level: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering = structlog.processors.JSONRenderer(serializer=_text)
    structlog.configure(
        processors=[*time_and_level, _add_trace, _add_whereabouts, rendering],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: _Lines(),
    )
    handler = _LibrariesLines()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *time_and_level, _add_trace, _as_written],
            use_get_message=False,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _add_whereabouts, rendering],
        )
    )
    logging.getLogger().setLevel(logging.WARNING)
    # The engine would write lines of its own form to a handler of its own, had it none.
    for name in (None, "dbos"):
        logging.getLogger(name).handlers[:] = [handler]
    logging.getLogger("dbos").propagate = False
    sys.excepthook = _uncaught
    threading.excepthook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)


def log_faults_of(loop: asyncio.AbstractEventLoop) -> None:
    """Log what nobody has caught in a task or callback of this loop."""
    loop.set_exception_handler(_loop_fault)


class _Lines:
    """Writes lines. One that cannot be written is lost: there is no other place to say so, and work must go on."""

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    log = debug = info = warning = error = critical = fatal = exception = msg


class _LibrariesLines(logging.Handler):
    """Writes what libraries log among our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        _Lines().msg(self.format(record))


def _text(event: Event, **_: object) -> str:
    first = {name: event.pop(name, None) for name in ("timestamp", "level", "event")}
    return json.dumps({**first, **event}, default=str, separators=(",", ":"))


def _add_trace(_logger: object, _method: str, event: Event) -> Event:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _add_whereabouts(_logger: object, _method: str, event: Event) -> Event:
    event.pop("stack_info", None)
    found = event.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event.update(whereabouts(error))
    return event


def _as_written(_logger: object, _method: str, event: Event) -> Event:
    """Leave of a library's line what its authors wrote; one that is an exception itself is named after it."""
    said = event["_record"].msg
    if not isinstance(said, str):
        event["event"] = type(said).__name__
    return event


def _uncaught(_type: type[BaseException], error: BaseException | None, _traceback: TracebackType | None) -> None:
    if isinstance(error, Exception):
        _log.critical("uncaught", **whereabouts(error))


def _loop_fault(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    _log.error("loop_fault", **(whereabouts(error) if error is not None else {}))

"""The log of this process, as JSON lines, and back to what it was."""

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog

from priorauth.bootstrap.logs import configure_logging

Lines = Callable[[], list[dict[str, Any]]]


@contextmanager
def logging_as_before() -> Iterator[None]:
    """Whatever decides meanwhile how this process logs, other tests find it as it was."""
    configuration, hooks = structlog.get_config(), (sys.excepthook, threading.excepthook)
    loggers = [logging.getLogger(name) for name in (None, "dbos")]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    try:
        yield
    finally:
        structlog.configure(**configuration)
        sys.excepthook, threading.excepthook = hooks
        for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(level)


@contextmanager
def logged(capsys: pytest.CaptureFixture[str], level: str = "info") -> Iterator[Lines]:
    """Log as a server does; give what reads the lines since it was last asked. Each of them has to be JSON."""
    with logging_as_before():
        configure_logging(level)
        yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]

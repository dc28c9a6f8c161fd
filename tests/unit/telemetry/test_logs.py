"""Every line of the log is JSON, and quotes nothing that somebody worked on."""

import asyncio
import io
import logging
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from priorauth.bootstrap.logs import configure_logging, log_faults_of
from priorauth.telemetry import traces
from tests.factories.logs import Lines, logged, logging_as_before

SECRET = "Ashgrove"


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    with logged(capsys) as lines:
        yield lines


def fail() -> None:
    raise ValueError(f"{SECRET} has no such member")


def test_a_line_says_when_how_grave_and_what_first(lines: Lines) -> None:
    structlog.get_logger("x").info("request", status=200)

    (line,) = lines()
    assert list(line) == ["timestamp", "level", "event", "status"]
    assert (line["level"], line["event"], line["status"]) == ("info", "request", 200)


@pytest.mark.parametrize("library", ["uvicorn.error", "dbos", "sqlalchemy.pool"])
def test_a_librarys_line_has_the_same_form_without_the_values_put_into_it(lines: Lines, library: str) -> None:
    logging.getLogger(library).error("member %s not found", SECRET)

    (line,) = lines()
    assert (line["level"], line["event"], line["logger"]) == ("error", "member %s not found", library)


def test_an_exception_in_a_line_is_its_type_and_place(lines: Lines) -> None:
    for log in (logging.getLogger("library").exception, structlog.get_logger("ours").exception):
        try:
            fail()
        except ValueError:
            log("went_wrong")

    for line in lines():
        assert (line["event"], line["error"]) == ("went_wrong", "ValueError")
        assert line["frames"][-1].startswith("fail:")
        assert SECRET not in str(line)


def test_a_line_that_is_an_exception_is_named_after_it(lines: Lines) -> None:
    logging.getLogger("library").error(ValueError(SECRET))

    (line,) = lines()
    assert line["event"] == "ValueError"


async def test_what_nobody_has_caught_is_logged_without_its_text(lines: Lines) -> None:
    loop = asyncio.get_running_loop()
    log_faults_of(loop)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    try:
        fail()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
        loop.call_exception_handler({"message": SECRET, "exception": error})
    finally:
        loop.set_exception_handler(None)

    found = lines()
    assert [line["event"] for line in found] == ["uncaught", "uncaught", "loop_fault"]
    for line in found:
        assert line["error"] == "ValueError"
        assert SECRET not in str(line)


def test_a_line_names_the_trace_that_it_belongs_to(lines: Lines) -> None:
    log = structlog.get_logger("x")
    with traces.exported_by(TracerProvider()), traces.span("work") as span:
        log.info("within")
        logging.getLogger("library").warning("within")
    log.info("after")

    *within, after = lines()
    for line in within:
        assert int(line["trace_id"], 16) == span.get_span_context().trace_id
        assert int(line["span_id"], 16) == span.get_span_context().span_id
    assert "trace_id" not in after


def test_a_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    full = io.StringIO()
    full.close()
    monkeypatch.setattr(sys, "stderr", full)
    with logging_as_before():
        configure_logging("info")
        structlog.get_logger("x").info("lost")

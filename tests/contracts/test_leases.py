"""A lease: renewed by a thread of its own, never longer here than there, and deadly to a process that stood still."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from priorauth.engine.leases import Lease, elapsed
from priorauth.store.databases import postgresql
from priorauth.store.workers import Workers
from tests.factories.databases import postgres_database
from tests.factories.servers import until

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 2.0
HOLDER = """
import sys, time
from priorauth.engine.leases import Lease, elapsed
from priorauth.store.databases import postgresql

lease = Lease(postgresql.create_engine(sys.argv[1], writing=True), worker="w", seconds=2.0, begun_at=elapsed())
lease.begin()
print("began", flush=True)
sys.stdin.readline()
print("woke up", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """A PostgreSQL in which the worker `w` has just been registered."""
    with postgres_database(tmp_path) as url:
        made = postgresql.create_engine(url, writing=True)
        with made.begin() as connection:
            Workers(connection).add("w", url="http://w", lease_seconds=SECONDS)
        yield made
        made.dispose()


def test_a_lease_stands_as_long_as_it_is_renewed_and_tells_its_timer(engine: sa.Engine) -> None:
    told: list[float] = []
    lease = Lease(engine, worker="w", seconds=SECONDS, begun_at=elapsed(), set_timer=told.append)
    lease.begin()
    try:
        until(lambda: len(told) >= 4, seconds=20)
        assert lease.stands()
        assert all(0 < seconds <= SECONDS for seconds in told)
    finally:
        lease.end()
    assert told[-1] == 0


def test_a_lease_is_over_when_nobody_has_renewed_it(engine: sa.Engine) -> None:
    lease = Lease(engine, worker="w", seconds=SECONDS, begun_at=elapsed() - SECONDS, set_timer=lambda _: None)

    assert not lease.stands()


def holder(engine: sa.Engine) -> "subprocess.Popen[str]":
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    environment = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), "PATH": os.environ["PATH"]}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "began\n"
    return process


def test_a_process_that_was_stopped_for_too_long_dies_before_it_does_anything(engine: sa.Engine) -> None:
    with holder(engine) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.send_signal(signal.SIGSTOP)
        # What it would do next is waiting for it.
        process.stdin.write("wake up\n")
        process.stdin.flush()
        threading.Event().wait(SECONDS + 0.5)
        process.send_signal(signal.SIGCONT)

        assert process.wait(10) == -signal.SIGALRM
        assert process.stdout.read() == ""


def test_a_worker_whose_lease_others_have_ended_gives_up(engine: sa.Engine) -> None:
    with holder(engine) as process:
        with engine.begin() as connection:
            Workers(connection).remove("w")

        assert process.wait(10) == 75

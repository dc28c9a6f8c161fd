"""The port through which commands cause work: a named workflow, enqueued in the transaction of the change.

Ids are deterministic, so that enqueueing twice is enqueueing once. Only ids and small numbers travel: no patient's
data rests in the engine's tables. Work waits in the common queue, or in the one of the worker that holds the case's
session. Of the common one every payer's line gets its turn, and within a line every organization does.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING

import sqlalchemy as sa
from opentelemetry.trace import SpanKind

from priorauth.store import tables
from priorauth.store.databases import clock
from priorauth.telemetry import traces

if TYPE_CHECKING:
    from dbos import DBOSClient, EnqueueOptions

QUEUE = "authorizations"
PROCESS = "process_authorization"
FOLLOW = "follow_authorization"

_WAITING = ("ENQUEUED", "DELAYED")
_ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
# Where the engine keeps more of a piece of work than its row, and nothing deletes it along with the row.
_OF_WORK = ("operation_outputs", "workflow_input", "workflow_output")


def queue_of(worker: str) -> str:
    """Return the name of a worker's own queue."""
    return f"{QUEUE}@{worker}"


@dataclass(frozen=True, slots=True)
class Line:
    """Where work stands in: the line of its payer, and in it the part of its organization."""

    payer_id: str = "-"
    organization_id: str = "-"


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work for the engine, for one run and turn of a case.

    Work whose run or turn is over finds so in the case, and ends. `delay_seconds` postpones its start; `worker` is who
    holds the session that it should go on in.
    """

    workflow: str
    id: str
    authorization_id: str
    run: int
    turn: int
    delay_seconds: float = 0.0
    line: Line = Line()
    worker: str | None = None


def processing(authorization_id: str, *, run: int, turn: int, delay_seconds: float = 0.0) -> Work:
    """Return the work that carries a case on."""
    return Work(PROCESS, f"process:{authorization_id}:{run}.{turn}", authorization_id, run, turn, delay_seconds)


def following(authorization_id: str, *, run: int, turn: int, delay_seconds: float) -> Work:
    """Return the work that looks at a submitted case."""
    return Work(FOLLOW, f"follow:{authorization_id}:{run}.{turn}", authorization_id, run, turn, delay_seconds)


def case_of(work_id: str) -> str:
    """Return the case that a piece of work is for."""
    return work_id.split(":")[1]


class WorkState(StrEnum):
    """What the engine's tables say of a piece of work. RUNNING is what they believe; who runs it may be dead."""

    WAITING = "waiting"
    RUNNING = "running"
    GONE = "gone"


_STATES = {"ENQUEUED": WorkState.WAITING, "DELAYED": WorkState.WAITING, "PENDING": WorkState.RUNNING}


@dataclass(frozen=True, slots=True)
class WorkLoad:
    """How much work there is, and since when the oldest waits that is due, in seconds since 1970; None: none waits."""

    waiting: int
    running: int
    delayed: int
    waiting_since: float | None


class WorkQueue:
    """Writes work into the engine's tables, through a connection that the caller commits."""

    def __init__(self, reading: sa.Engine) -> None:
        self._engine = reading
        self._lock = Lock()
        self._made: DBOSClient | None = None

    def enqueue(self, connection: sa.Connection, work: Work) -> None:
        """Enqueue `work`; a piece with the same id that is known already is left as it is."""
        options: EnqueueOptions = {
            "workflow_name": work.workflow,
            "queue_name": QUEUE if work.worker is None else queue_of(work.worker),
            "workflow_id": work.id,
            "queue_partition_key": work.line.payer_id,
            "priority": _place_in(connection, work.line),
        }
        if work.delay_seconds > 0:
            options["delay_seconds"] = work.delay_seconds
        with traces.span(f"enqueue {work.workflow}", {traces.CASE: work.authorization_id}, kind=SpanKind.PRODUCER):
            trace = traces.carried()
            known = (work.authorization_id, work.run, work.turn, *([trace] if trace is not None else []))
            self._client().enqueue_in_transaction(connection, options, *known)

    def close(self) -> None:
        """Let go of the client; the engine's connections belong to the caller."""
        if self._made is not None:
            self._made.destroy()

    def _client(self) -> "DBOSClient":
        """Return the client. Commands that enqueue nothing never import it: that takes longer than most of them.

        It reads once from its engine, beside the caller's transaction, and writes through the caller's connection.
        """
        with self._lock:
            if self._made is None:
                from dbos import DBOSClient, DBOSPortableJSONSerializer  # noqa: PLC0415

                self._made = DBOSClient(
                    system_database_engine=self._engine,
                    serializer=DBOSPortableJSONSerializer(),
                    retry_connection_errors=False,
                )
            return self._made


class WorkLedger:
    """What the engine's tables say of work, within one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._table = _workflows(connection)

    def state_of(self, work_id: str) -> WorkState:
        """Say whether the work waits in a queue or for its time, is running, or is gone: ended or never known."""
        query = sa.select(self._table.c.status).where(self._table.c.workflow_uuid == work_id)
        return _STATES.get(str(self._connection.execute(query).scalar()), WorkState.GONE)

    def runner_of(self, work_id: str) -> str | None:
        """Return the worker that took the work up last."""
        query = sa.select(self._table.c.executor_id).where(self._table.c.workflow_uuid == work_id)
        found: str | None = self._connection.execute(query).scalar()
        return found

    def running(self, worker: str) -> list[str]:
        """Return the ids of the work that the tables believe a worker to run."""
        query = sa.select(self._table.c.workflow_uuid).where(
            self._table.c.status == "PENDING", self._table.c.executor_id == worker
        )
        return list(self._connection.execute(query).scalars())

    def end(self, work_ids: Collection[str], *, worker: str) -> None:
        """End work that the tables believe a worker to run, and that it does not run."""
        mine = self._table
        self._connection.execute(
            mine.update()
            .where(mine.c.workflow_uuid.in_(work_ids), mine.c.status == "PENDING", mine.c.executor_id == worker)
            .values(status="CANCELLED")
        )

    def runners(self) -> set[str]:
        """Return whoever is believed to run something."""
        query = sa.select(self._table.c.executor_id).where(self._table.c.status == "PENDING").distinct()
        return set(self._connection.execute(query).scalars())

    def waiting(self) -> int:
        """Return how many pieces of work could start now, and do not yet."""
        query = sa.select(sa.func.count()).select_from(self._table).where(self._table.c.status == "ENQUEUED")
        return int(self._connection.execute(query).scalar_one())

    def load(self) -> WorkLoad:
        """Return how much work there is now."""
        mine = self._table
        due = sa.func.min(sa.func.coalesce(mine.c.delay_until_epoch_ms, mine.c.created_at))
        query = sa.select(mine.c.status, sa.func.count(), due).group_by(mine.c.status)
        rows = self._connection.execute(query.where(mine.c.status.in_((*_WAITING, "PENDING"))))
        found = {status: (count, since) for status, count, since in rows}
        waiting, since = found.get("ENQUEUED", (0, None))
        return WorkLoad(
            waiting=waiting,
            running=found.get("PENDING", (0, None))[0],
            delayed=found.get("DELAYED", (0, None))[0],
            waiting_since=since / 1000 if since is not None else None,
        )

    def begin_delayed(self, payer_id: str) -> None:
        """Let the delayed work that carries a payer's cases on begin now; looks at submitted cases keep their time."""
        mine = self._table
        delayed = mine.update().where(
            mine.c.status == "DELAYED", mine.c.name == PROCESS, mine.c.queue_partition_key == payer_id
        )
        now = int(clock.present(self._connection) * 1000)
        self._connection.execute(delayed.values(delay_until_epoch_ms=now))

    def begin_now(self, work_id: str) -> bool:
        """Let a delayed piece of work begin now; say whether it was delayed."""
        mine, now = self._table, int(clock.present(self._connection) * 1000)
        delayed = mine.update().where(mine.c.workflow_uuid == work_id, mine.c.status == "DELAYED")
        return self._connection.execute(delayed.values(delay_until_epoch_ms=now)).rowcount > 0

    def due_at(self, work_id: str) -> float | None:
        """Return when delayed work begins, in seconds since 1970; None for work that is not delayed."""
        mine = self._table
        query = sa.select(mine.c.delay_until_epoch_ms).where(
            mine.c.workflow_uuid == work_id, mine.c.status == "DELAYED"
        )
        due: int | None = self._connection.execute(query).scalar()
        return due / 1000 if due is not None else None

    def forget_ended(self, *, before: datetime, limit: int) -> int:
        """Delete what the engine's tables hold of up to `limit` pieces of work that had ended by then."""
        mine, ms = self._table, int(before.timestamp() * 1000)
        # What ended without saying when says when it was touched last.
        ended = sa.or_(
            mine.c.completed_at < ms,
            sa.and_(mine.c.completed_at.is_(None), mine.c.created_at < ms, mine.c.updated_at < ms),
        )
        query = sa.select(mine.c.workflow_uuid).where(mine.c.status.in_(_ENDED), ended).limit(limit)
        ids = list(self._connection.execute(query).scalars())
        if ids:
            for name in (*_OF_WORK, mine.name):
                table = sa.table(name, sa.column("workflow_uuid"), schema=mine.schema)
                self._connection.execute(table.delete().where(table.c.workflow_uuid.in_(ids)))
        return len(ids)

    def queues(self) -> set[str]:
        """Return the workers that have a queue of their own."""
        queues, mine = _queues(self._connection), self._table
        own = f"{queue_of('')}%"
        named = sa.select(queues.c.name).where(queues.c.name.like(own))
        used = sa.select(mine.c.queue_name).where(mine.c.status.in_(_WAITING), mine.c.queue_name.like(own))
        return {name.removeprefix(queue_of("")) for name in self._connection.execute(sa.union(named, used)).scalars()}

    def return_to_all(self, workers: Iterable[str]) -> None:
        """Put what waits for these workers, which are no more, into the common queue, and delete their own."""
        mine, queues, theirs = self._table, _queues(self._connection), [queue_of(worker) for worker in workers]
        waiting = mine.update().where(mine.c.status.in_(_WAITING), mine.c.queue_name.in_(theirs))
        self._connection.execute(waiting.values(queue_name=QUEUE))
        self._connection.execute(queues.delete().where(queues.c.name.in_(theirs)))


def _place_in(connection: sa.Connection, line: Line) -> int:
    """Return the place of new work in its line: lower ones are served first.

    An organization's next place is behind its last one, and not before those that are being served. So whoever floods
    a line stands behind itself, and whoever comes new is served next. (Start-time fair queueing: Goyal, Vin, Cheng,
    SIGCOMM 1996.)
    """
    work, places = _workflows(connection), tables.places
    served = connection.execute(
        sa.select(sa.func.min(work.c.priority)).where(
            work.c.queue_name == QUEUE, work.c.status == "ENQUEUED", work.c.queue_partition_key == line.payer_id
        )
    ).scalar()
    if served is None:
        # Nothing waits: all that was given a place is served.
        query = sa.select(sa.func.max(places.c.last)).where(places.c.payer_id == line.payer_id)
        served = (connection.execute(query).scalar() or 0) + 1
    key = {"payer_id": line.payer_id, "organization_id": line.organization_id}
    last = connection.execute(sa.select(places.c.last).filter_by(**key)).scalar()
    place = max(served, (last or 0) + 1)
    if last is None:
        connection.execute(places.insert().values(**key, last=place))
    else:
        connection.execute(places.update().filter_by(**key).values(last=place))
    return place


def _workflows(connection: sa.Connection) -> sa.TableClause:
    names = (
        *("workflow_uuid", "name", "status", "queue_name", "queue_partition_key", "priority", "executor_id"),
        *("created_at", "updated_at", "completed_at", "delay_until_epoch_ms"),
    )
    return sa.table("workflow_status", *map(sa.column, names), schema=_schema(connection))


def _queues(connection: sa.Connection) -> sa.TableClause:
    return sa.table("queues", sa.column("name"), schema=_schema(connection))


def _schema(connection: sa.Connection) -> str | None:
    """Return where the engine's tables lie: PostgreSQL has a schema of their own for them."""
    return "dbos" if connection.dialect.name == "postgresql" else None

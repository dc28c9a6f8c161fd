"""The port through which commands cause work: a named workflow, enqueued in the transaction of the change.

Ids are deterministic, so that enqueueing twice is enqueueing once. Only ids and small numbers travel: no patient's
data rests in the engine's tables.
"""

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from dbos import DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions

QUEUE = "authorizations"
PROCESS = "process_authorization"
FOLLOW = "follow_authorization"


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work for the engine, for one run and turn of a case.

    Work whose run or turn is over finds so in the case, and ends. `delay_seconds` postpones its start.
    """

    workflow: str
    id: str
    authorization_id: str
    run: int
    turn: int
    delay_seconds: float = 0.0


def processing(authorization_id: str, *, run: int, turn: int, delay_seconds: float = 0.0) -> Work:
    """Return the work that carries a case on."""
    return Work(PROCESS, f"process:{authorization_id}:{run}.{turn}", authorization_id, run, turn, delay_seconds)


def following(authorization_id: str, *, run: int, turn: int, delay_seconds: float) -> Work:
    """Return the work that looks at a submitted case."""
    return Work(FOLLOW, f"follow:{authorization_id}:{run}.{turn}", authorization_id, run, turn, delay_seconds)


class WorkState(StrEnum):
    """What the engine's tables say of a piece of work. RUNNING is what they believe; who runs it may be dead."""

    WAITING = "waiting"
    RUNNING = "running"
    GONE = "gone"


_STATES = {"ENQUEUED": WorkState.WAITING, "DELAYED": WorkState.WAITING, "PENDING": WorkState.RUNNING}


class WorkQueue:
    """Writes work into the engine's tables, through a connection that the caller commits."""

    def __init__(self, engine: sa.Engine) -> None:
        self._client = DBOSClient(
            system_database_engine=engine, serializer=DBOSPortableJSONSerializer(), retry_connection_errors=False
        )

    def enqueue(self, connection: sa.Connection, work: Work) -> None:
        """Enqueue `work`; a piece with the same id that is known already is left as it is."""
        options: EnqueueOptions = {"workflow_name": work.workflow, "queue_name": QUEUE, "workflow_id": work.id}
        if work.delay_seconds > 0:
            options["delay_seconds"] = work.delay_seconds
        self._client.enqueue_in_transaction(connection, options, work.authorization_id, work.run, work.turn)

    def state_of(self, connection: sa.Connection, work_id: str) -> WorkState:
        """Say whether the work waits in the queue or for its time, is running, or is gone: ended or never known."""
        query = sa.text("SELECT status FROM workflow_status WHERE workflow_uuid = :id")
        status = connection.execute(query, {"id": work_id}).scalar()
        return _STATES.get(str(status), WorkState.GONE)

    def close(self) -> None:
        """Let go of the client; the engine's connections belong to the caller."""
        self._client.destroy()

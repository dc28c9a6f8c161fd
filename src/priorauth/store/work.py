"""The port through which commands cause work: a named workflow, enqueued in the transaction of the change.

Ids are deterministic, so that enqueueing twice is enqueueing once. Only ids and small numbers travel: no patient's
data rests in the engine's tables.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from dbos import DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions

QUEUE = "authorizations"
PROCESS = "process_authorization"
FOLLOW = "follow_authorization"

UNFINISHED = ("ENQUEUED", "DELAYED", "PENDING")


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work for the engine, for one run of a case.

    `turn` counts what came before it in the run: the fresh starts of its processing, or the status checks. Work whose
    turn is over finds so in the case and ends. `delay_seconds` postpones its start.
    """

    workflow: str
    id: str
    authorization_id: str
    run: int
    turn: int
    delay_seconds: float = 0.0


def processing(authorization_id: str, *, run: int, resumptions: int) -> Work:
    """Return the work that carries run `run` of a case on, for the time after `resumptions` fresh starts."""
    return Work(PROCESS, f"process:{authorization_id}:{run}.{resumptions}", authorization_id, run, resumptions)


def following(authorization_id: str, *, run: int, checks: int, resumptions: int, delay_seconds: float) -> Work:
    """Return the work that looks at a submitted case after `checks` earlier looks."""
    work_id = f"follow:{authorization_id}:{run}.{resumptions}:{checks}"
    return Work(FOLLOW, work_id, authorization_id, run, checks, delay_seconds)


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

    def is_under_way(self, connection: sa.Connection, work_id: str) -> bool:
        """Say whether the work is running, waiting in the queue or for its time."""
        query = sa.text("SELECT status FROM workflow_status WHERE workflow_uuid = :id")
        status = connection.execute(query, {"id": work_id}).scalar()
        return status in UNFINISHED

    def close(self) -> None:
        """Let go of the client; the engine's connections belong to the caller."""
        self._client.destroy()

"""What an operator asks for a case whose work waits or is lost. The case itself stays as it is."""

from priorauth.commands.processing import expected_work
from priorauth.commands.record import enqueue_next, load
from priorauth.domain import processing
from priorauth.domain.errors import UserFault
from priorauth.store.transaction import Transaction
from priorauth.store.work import Work, WorkState


def begin_now(tx: Transaction, *, authorization_id: str) -> None:
    """Let the work of a case that waits for its time begin now.

    The work keeps its id, so nothing is done twice.

    Args:
        tx: The writing transaction.
        authorization_id: The case.

    Raises:
        AuthorizationNotFound: There is none.
        UserFault: Its work does not wait for a time; the message says what it does instead.
    """
    work, state = _work(tx, authorization_id)
    if state is WorkState.GONE:
        raise UserFault(f"The work of {authorization_id} is lost. `priorauth authorizations retry` starts it again.")
    if not tx.work.begin_now(work.id):
        raise UserFault(f"The work of {authorization_id} waits for a free worker already, not for a time.")


def retry(tx: Transaction, *, authorization_id: str) -> None:
    """Start the lost work of a case again, as the sweeper does, under a new turn and without counting a fault.

    Args:
        tx: The writing transaction.
        authorization_id: The case.

    Raises:
        AuthorizationNotFound: There is none.
        UserFault: Its work is not lost; the message says what it does instead.
    """
    _, state = _work(tx, authorization_id)
    if state is WorkState.WAITING:
        raise UserFault(f"The work of {authorization_id} is not lost: it waits. `priorauth authorizations try-now`?")
    afresh = processing.started_afresh(load(tx, authorization_id), fault=False)
    tx.authorizations.save(afresh)
    enqueue_next(tx, afresh)


def _work(tx: Transaction, authorization_id: str) -> tuple[Work, WorkState]:
    """Return the work that a case must have. Raises UserFault where it has none, or where it is being done."""
    status = load(tx, authorization_id).status
    work, state, runner = expected_work(tx, authorization_id)
    if work is None:
        raise UserFault(f"{authorization_id} is {status}: the service has nothing to do for it now.")
    if state is WorkState.RUNNING:
        raise UserFault(f"{authorization_id} is worked on now, by {runner}. If that worker is dead, others take over.")
    return work, state

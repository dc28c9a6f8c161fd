"""What is done to every open case after a database came back from a copy: its record is older than the world."""

from priorauth.commands import handoffs, live_sessions, live_views, submissions
from priorauth.commands.record import load, record
from priorauth.domain import processing
from priorauth.domain.authorizations import Authorization
from priorauth.domain.events import SERVICE
from priorauth.domain.moment import Moment
from priorauth.store.transaction import Transaction


def doubt(tx: Transaction, moment: Moment, *, authorization_id: str) -> Authorization:
    """Let the case be looked for at its payer before anything is sent for it; what it was offered to a human is over.

    Done twice it is done once more: a look from before counts for nothing.
    """
    case = load(tx, authorization_id)
    doubted = processing.doubt(case, moment)
    record(tx, before=case, after=doubted, moment=moment, actor=SERVICE, event="restored")
    handoffs.lose(tx, moment, authorization_id=authorization_id)
    return submissions.begin_search(tx, moment, authorization_id=authorization_id)


def let_go(tx: Transaction, moment: Moment) -> None:
    """Let go what no copy brings back: sessions at payers, and the views of them."""
    live_sessions.release_all(tx, moment)
    live_views.end_all(tx, moment)

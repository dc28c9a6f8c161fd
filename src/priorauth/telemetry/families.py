"""Every metric, declared once: its name, its kind, its labels, what it means. `docs/metrics.md` is written from here.

A label has few values, all known to whoever wrote the code or the catalog: never an id, never what a client sent.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with all its labels. `buckets` are a histogram's upper bounds."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_WORK = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
_HUMAN = (10.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 14_400.0, 43_200.0, 86_400.0)

REQUESTS = Family(
    "priorauth_http_requests_total",
    Kind.COUNTER,
    "Requests answered, by the template of their route. A path that no route has is `unmatched`.",
    ("route", "method", "status"),
)
REQUEST_SECONDS = Family(
    "priorauth_http_request_seconds",
    Kind.HISTOGRAM,
    "How long requests took until their last byte was handed over. Waiting reads (`wait`) are in it.",
    ("route", "method"),
    _QUICK,
)
CASES = Family(
    "priorauth_cases",
    Kind.GAUGE,
    "Cases by status. Read from the database: the same at every node, so take the `max`, never the `sum`.",
    ("status",),
)
CASE_EVENTS = Family(
    "priorauth_case_events_total",
    Kind.COUNTER,
    "Entries of cases' timelines that this node has committed, by type: every change of a case, every page reached.",
    ("event",),
)
WORK = Family(
    "priorauth_work",
    Kind.GAUGE,
    "Work in the queue: `waiting` to be taken up, `running` as the database believes, `delayed` until its time. "
    "The same at every node.",
    ("state",),
)
WORK_OLDEST = Family(
    "priorauth_work_oldest_waiting_seconds",
    Kind.GAUGE,
    "For how long the oldest work that is due has waited to be taken up; 0 when none waits. The same at every node.",
)
WORKERS = Family(
    "priorauth_workers", Kind.GAUGE, "Workers whose lease stands, by the database's clock. The same at every node."
)
RESTORE_UNACKNOWLEDGED = Family(
    "priorauth_restore_unacknowledged",
    Kind.GAUGE,
    "1 while the database is known to have been put back and `priorauth mark-restored` was not run: no work goes on, "
    "and writes are answered 503. The same at every node.",
)
STEPS = Family(
    "priorauth_steps_total",
    Kind.COUNTER,
    "Steps of the engine that ended here, by name and verdict. `failed` is a fault of ours that nobody foresaw.",
    ("step", "verdict"),
)
STEP_SECONDS = Family(
    "priorauth_step_seconds", Kind.HISTOGRAM, "How long the steps of the engine took.", ("step",), _WORK
)
SESSIONS = Family(
    "priorauth_browser_sessions",
    Kind.GAUGE,
    "Browsers of this node: `working`, `held` for a review or a human, `in_human_hands`.",
    ("state",),
)
VIEWERS = Family("priorauth_live_viewers", Kind.GAUGE, "Viewers who attend live sessions at this node now.")
FRAMES = Family("priorauth_live_frames_total", Kind.COUNTER, "Pictures sent to viewers.")
SUBMISSIONS = Family(
    "priorauth_submissions_total",
    Kind.COUNTER,
    "What happened at payers' final boundaries: `intended` and `reply_intended` by the service, `handoff_intended` by "
    "a person in a handoff, `received` and `answered` (both proven by the payer), `not_sent`, `looked_up`, `not_found` "
    "(once, which proves nothing), `absent` (proven), `unresolved`, `mismatch` (evidence that names something else "
    "than what was sent), `refused` (a final request without a permit, stopped), `foreign_refused` (another final "
    "request while a permit existed: an attack, or a portal that has changed), `held_refused` (a person's final "
    "request of another draft than the accepted one).",
    ("what",),
)
HANDOFFS_OFFERED = Family(
    "priorauth_handoffs_offered_total", Kind.COUNTER, "Cases that came to need a human, by reason.", ("reason",)
)
HANDOFFS_CLOSED = Family(
    "priorauth_handoffs_closed_total",
    Kind.COUNTER,
    "Humans' turns that ended, by result; `interaction_lost` is one whose session was lost.",
    ("result",),
)
HANDOFF_WAIT = Family(
    "priorauth_handoff_wait_seconds",
    Kind.HISTOGRAM,
    "How long cases waited from the offer until a human took over.",
    (),
    _HUMAN,
)
CHANNEL_FAULTS = Family(
    "priorauth_channel_faults_total",
    Kind.COUNTER,
    "Faults that cases of this node met on their way to a payer, by code: of the portal, the browser, or a credential.",
    ("code",),
)
PORTAL_UP = Family(
    "priorauth_portal_up",
    Kind.GAUGE,
    "Whether cases get through to a payer's portal: 0 when several in a row could not reach it. A portal that no case "
    "has tried is missing. `address` is empty for a simulated one. The same at every node.",
    ("portal", "address"),
)
PORTAL_SUCCESS = Family(
    "priorauth_portal_last_success_seconds",
    Kind.GAUGE,
    "How long ago a case last got through to a portal; missing when none ever did. The same at every node.",
    ("portal", "address"),
)
PORTAL_FAULTS = Family(
    "priorauth_portal_faults_in_a_row",
    Kind.GAUGE,
    "How many tries of a portal have failed since the last that got through, with the `code` of the last one. "
    "The same at every node.",
    ("portal", "address", "code"),
)
CREDENTIALS_SUSPENDED = Family(
    "priorauth_credentials_suspended",
    Kind.GAUGE,
    "Credentials that a payer's portal has refused: the service does not sign in with them, and what needs them waits, "
    "until an operator replaces or releases them. The same at every node.",
)
WRITE_SECONDS = Family(
    "priorauth_database_write_seconds",
    Kind.HISTOGRAM,
    "How long the callers of committed writes waited, the queue before the writer included.",
    (),
    _QUICK,
)
WRITES_WAITING = Family("priorauth_database_writes_waiting", Kind.GAUGE, "Writes of this node that wait to be begun.")
DATABASE_UP = Family(
    "priorauth_database_up",
    Kind.GAUGE,
    "Whether the database could be read for this page. Where it could not, what is read from it is missing.",
)

# What happens here, counted as it happens.
COUNTED = (
    REQUESTS,
    REQUEST_SECONDS,
    CASE_EVENTS,
    STEPS,
    STEP_SECONDS,
    SUBMISSIONS,
    HANDOFFS_OFFERED,
    HANDOFFS_CLOSED,
    HANDOFF_WAIT,
    CHANNEL_FAULTS,
    WRITE_SECONDS,
)
# What is so at the moment, asked for when somebody looks.
ASKED = (
    CASES,
    WORK,
    WORK_OLDEST,
    WORKERS,
    RESTORE_UNACKNOWLEDGED,
    PORTAL_UP,
    PORTAL_SUCCESS,
    PORTAL_FAULTS,
    CREDENTIALS_SUSPENDED,
    SESSIONS,
    VIEWERS,
    FRAMES,
    WRITES_WAITING,
    DATABASE_UP,
)
EVERY = (*COUNTED, *ASKED)

"""The real API over a real database in a folder of its own, and the moves that the engine would make."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import httpx
from fastapi import FastAPI

from priorauth.bootstrap import administration, nodes, storage
from priorauth.bootstrap import listening as listeners
from priorauth.channels.contract import ReviewPage
from priorauth.commands import handoffs, live_sessions, processing, submissions
from priorauth.commands.organizations import create_key, ensure_organization
from priorauth.commands.processing import Observation
from priorauth.commands.record import load
from priorauth.domain.authorizations import Reason
from priorauth.domain.errors import Issue
from priorauth.domain.handoffs import HandoffState, ManualHandoff, OfferReason
from priorauth.domain.live_sessions import BoundaryState, SessionClaim
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Environment, Scope
from priorauth.domain.submissions import Decision, PayerReceipt
from priorauth.engine.pictures import keep_page
from priorauth.http.app import create_app
from priorauth.http.edge import SandboxPortal, Services
from priorauth.http.live_views import LiveViews
from priorauth.settings import Settings
from priorauth.store import data_folder
from priorauth.store.blobs import Blobs, folder_store
from priorauth.store.database import Database
from priorauth.store.ids import present
from priorauth.store.transaction import Transaction
from tests.factories.live_views import VIEWER_FILES, DarkScreens, EchoShow

URL = "http://priorauth.test"
PORTAL = SandboxPortal(id="larkspur", display_name="Larkspur Provider Connection", url="http://127.0.0.1:9")
FILE_BYTES_LIMIT = 64 * 1024


class AheadClock:
    """The server's clock, which goes `ahead` of the real one."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> Moment:
        moment = present()
        return Moment(moment.now + self.ahead, moment.new_id)


class Server:
    """One server without its engine. Whoever tests makes the engine's moves, through the engine's own commands."""

    def __init__(
        self, app: FastAPI, database: Database, settings: Settings, *, clock: AheadClock, screens: DarkScreens
    ) -> None:
        self.app = app
        self.database = database
        self.settings = settings
        self.environment = settings.environment
        self.clock = clock
        self.screens = screens

    @property
    def services(self) -> Services:
        """What the routes work with."""
        found: Services = self.app.state.services
        return found

    def show_nothing(self) -> None:
        """Be a server that cannot show sessions."""
        self.app.state.services = replace(self.services, live=None)

    def client(self, key: str | None) -> httpx.AsyncClient:
        """A client with this key."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=URL, headers=headers)

    def key(
        self,
        organization: str = "Cedar Hollow Clinic",
        *,
        scopes: tuple[Scope, ...] = tuple(Scope),
        environment: Environment | None = None,
        edit: Callable[[Transaction, str], None] = lambda _tx, _key_id: None,
    ) -> str:
        """A new key of an organization that may use the whole catalog."""
        administration.issue_key(self.database, organization_name=organization, environment=self.environment)

        def operation(tx: Transaction) -> str:
            owner = ensure_organization(tx, present(), name=organization)
            issued, text = create_key(
                tx, present(), organization=owner, environment=environment or self.environment, scopes=scopes
            )
            edit(tx, issued.id)
            return text

        return self.database.write_now(operation)

    def pass_time(self, **by: float) -> None:
        """Let the server's clock go ahead."""
        self.clock.ahead += timedelta(**by)

    async def pause_for_review(self, authorization_id: str, *, page: ReviewPage | None = None) -> None:
        """The service stands before the payer's final boundary."""
        run = await self._run(authorization_id)
        kept = await keep_page(self.services.blobs, page, present())
        await self.database.write(
            lambda tx: processing.propose_review(
                tx,
                present(),
                Observation(authorization_id, run, f"review:{run}"),
                differences=(),
                read=kept,
            )
        )

    async def find_mismatch(self, authorization_id: str) -> None:
        """The payer shows something else under the authorization's reference than what was sent."""
        run = await self._run(authorization_id)
        await self.claim_session(authorization_id)
        await self.database.write(
            lambda tx: handoffs.offer_mismatch(
                tx,
                present(),
                Observation(authorization_id, run, f"mismatch:{run}"),
                approved=(("Units requested", "1"),),
                shown=(("Units requested", "7"),),
                receipt=PayerReceipt("LK-2026-0009", present().now, "portal"),
            )
        )

    async def resolve_mismatch(self, authorization_id: str) -> None:
        """The engine carries out what the person has reported."""
        run = await self._run(authorization_id)
        seen = Observation(authorization_id, run, f"reconcile:{run}")
        await self.database.write(lambda tx: handoffs.resolve_mismatch(tx, present(), seen))

    async def reject(self, authorization_id: str, *issues: Issue) -> None:
        """The payer does not take the case as it is."""
        run = await self._run(authorization_id)
        await self.database.write(
            lambda tx: processing.ask_for_more(
                tx,
                present(),
                Observation(authorization_id, run, f"rejected:{run}"),
                rejected=issues,
            )
        )

    async def need_human(self, authorization_id: str, reason: OfferReason = OfferReason.SIGN_IN) -> None:
        """Only a human can go on in the session, which stays up."""
        run = await self._run(authorization_id)
        final = reason is OfferReason.FINAL_SUBMIT
        await self.claim_session(authorization_id, BoundaryState.AT_BOUNDARY if final else BoundaryState.NOT_REACHED)
        await self.database.write(
            lambda tx: handoffs.offer(
                tx,
                present(),
                Observation(authorization_id, run, f"human:{run}"),
                reason=reason,
                message="Somebody has to sign in.",
            )
        )

    async def find_nothing(self, authorization_id: str) -> None:
        """After a human's turn the payer shows nothing of the case."""
        run = await self._run(authorization_id)

        def operation(tx: Transaction) -> None:
            case = tx.authorizations.get(authorization_id)
            if case is not None and case.journal.open_attempt is not None:
                submissions.conclude_unsent(tx, present(), authorization_id=authorization_id)
            handoffs.reconcile(tx, present(), Observation(authorization_id, run, f"nothing:{run}"))

        await self.database.write(operation)

    async def attend_handoffs(self, authorization_id: str) -> None:
        """The sweeper looks whether a human still attends to the case."""
        patience = timedelta(seconds=self.settings.handoff_abandoned_seconds)
        await self.database.write(
            lambda tx: handoffs.attend(tx, self.clock(), authorization_id=authorization_id, patience=patience)
        )

    async def lose_session(self, authorization_id: str) -> None:
        """The browser that worked on the case has ended."""
        await self.database.write(
            lambda tx: live_sessions.release(tx, present(), authorization_id=authorization_id, session_id="session-1")
        )

    async def prove_receipt(self, authorization_id: str, receipt: PayerReceipt) -> None:
        """The service submitted, and the payer gave a reference number."""
        run = await self._run(authorization_id)

        def operation(tx: Transaction) -> None:
            submissions.begin_attempt(tx, present(), authorization_id=authorization_id, run=run, turn=0)
            submissions.record_receipt(tx, present(), authorization_id=authorization_id, receipt=receipt)

        await self.database.write(operation)

    async def decide(self, authorization_id: str, decision: Decision) -> None:
        """The payer decides."""
        run = await self._run(authorization_id)
        await self.database.write(
            lambda tx: submissions.record_decision(
                tx,
                present(),
                Observation(authorization_id, run, "decision"),
                decision=decision,
            )
        )

    async def intend(self, authorization_id: str) -> None:
        """The service is about to press the last button; whether the payer takes it is not known yet."""
        run = await self._run(authorization_id)
        await self.database.write(
            lambda tx: submissions.begin_attempt(tx, present(), authorization_id=authorization_id, run=run, turn=0)
        )

    async def evidence(self, authorization_id: str, receipt: PayerReceipt) -> None:
        """The payer turns out to have what was intended."""
        await self.database.write(
            lambda tx: submissions.record_receipt(tx, present(), authorization_id=authorization_id, receipt=receipt)
        )

    async def fail(self, authorization_id: str, reason: Reason) -> None:
        """The service gives up."""
        run = await self._run(authorization_id)
        seen = Observation(authorization_id, run, f"failed:{run}")
        await self.database.write(lambda tx: processing.fail(tx, present(), seen, reason=reason))

    async def find_not_required(self, authorization_id: str, message: str) -> None:
        """The payer's portal says that the service needs no authorization."""
        run = await self._run(authorization_id)
        seen = Observation(authorization_id, run, f"not_required:{run}")
        await self.database.write(lambda tx: processing.conclude_not_required(tx, present(), seen, message=message))

    async def claim_session(
        self,
        authorization_id: str,
        boundary: BoundaryState = BoundaryState.NOT_REACHED,
        *,
        session_id: str = "session-1",
    ) -> None:
        """A browser works on the case."""
        claim = SessionClaim(
            authorization_id=authorization_id,
            session_id=session_id,
            worker="worker-1",
            channel="portal",
            boundary=boundary,
            expires_at=self.clock().now + timedelta(minutes=5),
        )
        await self.database.write(lambda tx: live_sessions.claim(tx, claim))

    async def hand_over(self, authorization_id: str, *, state: str = "active") -> str:
        """A human has the interaction, or gives it back."""

        def operation(tx: Transaction) -> None:
            case, now = load(tx, authorization_id), present().now
            handoff = ManualHandoff(
                id="mhand_1",
                state=HandoffState(state),
                reason=OfferReason.SIGN_IN,
                review_snapshot_id=None,
                created_at=now,
                refreshed_at=now,
            )
            tx.authorizations.save(replace(case, journal=replace(case.journal, handoffs=(handoff,))))

        await self.database.write(operation)
        return "mhand_1"

    async def _run(self, authorization_id: str) -> int:
        case = await self.database.read(lambda tx: tx.authorizations.get(authorization_id))
        assert case is not None
        return case.journal.run


@cache
def _app(environment: Environment) -> FastAPI:
    """One application serves all tests, each over a database of its own: it keeps nothing but its services."""
    return create_app(environment)


@contextmanager
def serving(data_dir: Path, *, environment: Environment = Environment.SANDBOX, **settings: object) -> Iterator[Server]:
    """Serve from a data folder."""
    chosen = Settings.model_validate(
        {"environment": environment, "data_dir": data_dir, "file_bytes_limit": FILE_BYTES_LIMIT, **settings}
    )
    with storage.opened_database(chosen) as database:
        portals = (PORTAL,) if environment is Environment.SANDBOX else ()
        app = _app(environment)
        clock, screens = AheadClock(), DarkScreens()
        app.state.services = nodes.services(
            chosen,
            database,
            Blobs(folder_store(data_dir / "files"), data_folder.sealer(data_dir)),
            url=URL,
            portals=portals,
            live=LiveViews(
                database=database,
                present=clock,
                screens=screens,
                show=EchoShow,
                viewer_file=VIEWER_FILES.get,
                review_seconds=chosen.review_seconds,
            ),
            present=clock,
        )
        yield Server(app, database, chosen, clock=clock, screens=screens)


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[str]:
    """Serve on a socket of this machine; give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with listeners.serving(server.app, listener):
            yield f"127.0.0.1:{listener.getsockname()[1]}"

"""Portal channels over the simulated payer, with a ledger that remembers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from priorauth.channels.contract import SignInsExhausted
from priorauth.channels.portals.adapter import PortalAdapter
from priorauth.channels.portals.channel import PortalChannel
from priorauth.channels.portals.entrance import Entrance
from priorauth.channels.portals.juniper.portal import JuniperPortal
from priorauth.channels.portals.larkspur.portal import LarkspurPortal
from priorauth.channels.portals.one_time_codes import OneTimeCodes
from priorauth.channels.portals.session import PortalSession
from priorauth.channels.portals.sessions import SessionHost, SessionSettings
from priorauth.domain.credentials import Credential
from priorauth.domain.live_sessions import SessionClaim
from priorauth.domain.organizations import Environment
from priorauth.sandbox import catalog
from priorauth.sandbox.accounts import Account
from priorauth.sandbox.server import PortalServer
from tests.factories.jobs import CREDENTIAL, Documents
from tests.factories.moments import START


class Remembering:
    """A session ledger in memory."""

    def __init__(self) -> None:
        self.claims: dict[str, SessionClaim] = {}
        self.noted: list[tuple[str, str, Mapping[str, str]]] = []
        self.repeated = 0
        self.intended: list[str] = []
        self.answered: set[str] = set()
        self.allows_person = True
        self._changed = asyncio.Condition()

    async def claim(self, claim: SessionClaim) -> bool:
        """Take or renew."""
        self.claims[claim.authorization_id] = claim
        return True

    async def release(self, *, authorization_id: str, session_id: str, cause: str | None = None) -> None:
        """Let go."""
        async with self._changed:
            if cause is not None:
                self.noted.append((authorization_id, "session_ended", {"cause": cause}))
            claim = self.claims.get(authorization_id)
            if claim is not None and claim.session_id == session_id:
                del self.claims[authorization_id]
            self._changed.notify_all()

    async def intend_for_person(self, authorization_id: str, *, session_id: str) -> bool:
        """Say what the engine's record would say of the person's handoff."""
        assert self.claims[authorization_id].session_id == session_id
        self.intended.append(authorization_id)
        return self.allows_person

    async def note_answer(self, authorization_id: str) -> None:
        """Remember whose submission the portal has answered with a success."""
        self.answered.add(authorization_id)

    async def note(
        self, authorization_id: str, event: str, details: Mapping[str, str], *, repeated: bool = False
    ) -> None:
        """Remember, and which of it a page may repeat."""
        async with self._changed:
            self.noted.append((authorization_id, event, details))
            self.repeated += repeated
            self._changed.notify_all()

    async def until_noted(self, event: str, *, times: int = 1) -> list[Mapping[str, str]]:
        """Wait until `event` was noted so often, and return the details."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self._of(event)) >= times)
            return self._of(event)

    async def until_released(self, authorization_id: str) -> None:
        """Wait until the claim on the case's session was let go."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: authorization_id not in self.claims)

    def forget(self) -> None:
        """Forget what was noted."""
        self.noted.clear()
        self.intended.clear()
        self.answered.clear()
        self.allows_person = True

    def _of(self, event: str) -> list[Mapping[str, str]]:
        return [details for _, noted, details in self.noted if noted == event]


class Accounts:
    """A credential source in memory: one credential, of whichever of a simulated portal's users a test wants."""

    def __init__(self, portal: str) -> None:
        self.portal = portal
        self.states: list[bytes] = []
        self.signing_in: set[str] = set()
        self.suspended: list[str] = []
        self.tries = 0
        self.tries_left: int | None = None
        self.credential: Credential | None = None
        self.use("cedar-hollow")

    def use(self, user_name: str, **changes: Any) -> None:
        """Sign in as this user from now on, in a browser that the portal has never seen."""
        account = next(each for each in catalog.PORTAL_ACCOUNTS[self.portal] if each.user_name == user_name)
        self.states.clear()
        self.suspended.clear()
        self.tries, self.tries_left = 0, None
        self.credential = Credential(
            id=CREDENTIAL,
            environment=Environment.SANDBOX,
            payer_id="larkspur-health",
            created_at=START,
            **{
                "user_name": account.user_name,
                "password": account.password,
                "totp_secret": account.totp_secret,
                **changes,
            },
        )

    async def get(self, credential_id: str) -> Credential | None:
        """The one that there is."""
        return self.credential if credential_id == CREDENTIAL else None

    async def state_of(self, credential: Credential) -> bytes | None:
        """What was kept last."""
        assert credential == self.credential
        return self.states[-1] if self.states else None

    async def needs_sign_in(self, credential: Credential) -> bool:
        """Whether nothing was kept yet."""
        assert credential == self.credential
        return not self.states

    async def signed_in(self, credential: Credential, *, state: bytes) -> None:
        """Keep all: their number is that of the sign-ins."""
        assert credential == self.credential
        self.states.append(state)

    async def claim_sign_in(
        self, credential: Credential, *, authorization_id: str, began_with: bytes | None, is_lost: bool
    ) -> None:
        """Remember whose turn it is; nobody has to wait."""
        assert credential == self.credential
        assert began_with == (self.states[-1] if self.states else None)
        assert not is_lost or self.states
        self.signing_in.add(authorization_id)

    async def count_try(self, credential: Credential, *, authorization_id: str) -> None:
        """Count, as long as there are tries."""
        assert credential == self.credential
        assert authorization_id in self.signing_in
        if self.tries == self.tries_left:
            raise SignInsExhausted
        self.tries += 1

    async def end_claim(self, credential: Credential, *, authorization_id: str) -> None:
        """The turn is over."""
        assert credential == self.credential
        assert authorization_id in self.signing_in
        self.signing_in.remove(authorization_id)

    async def suspend(self, credential: Credential, *, authorization_id: str, reason: str) -> None:
        """Remember why."""
        assert credential == self.credential
        assert authorization_id in self.signing_in
        self.suspended.append(reason)


@dataclass(frozen=True)
class PortalWorld:
    """A payer, a channel to it, and what both remember."""

    portal: str
    base_url: str
    host: SessionHost
    channel: PortalChannel
    ledger: Remembering
    accounts: Accounts

    def session(self, case: str) -> PortalSession:
        """The session of a case, which must be up."""
        session = self.host.of(case)
        assert session is not None
        return session

    async def counted(self, case: str) -> int:
        """How many submissions of a case the payer has counted."""
        async with httpx.AsyncClient(trust_env=False) as client:
            taken = (await client.get(f"{self.base_url}/sandbox/submissions")).json()["data"]
        return sum(submission["caseReference"] == case for submission in taken)

    async def sign_ins(self) -> list[bool]:
        """Whether the payer accepted each password that it was offered, oldest first."""
        async with httpx.AsyncClient(trust_env=False) as client:
            offered = (await client.get(f"{self.base_url}/sandbox/sign-ins")).json()["data"]
        return [each["accepted"] for each in offered]

    async def replied(self, case: str) -> list[dict[str, Any]]:
        """The replies of a case that the payer has counted."""
        async with httpx.AsyncClient(trust_env=False) as client:
            taken = (await client.get(f"{self.base_url}/sandbox/replies")).json()["data"]
        return [reply for reply in taken if reply["caseReference"] == case]

    async def tell(self, scenario_id: str, **behaviour: Any) -> None:
        """Tell the payer how to treat the member of a scenario."""
        scenario = catalog.scenario(scenario_id)
        assert scenario is not None
        member = scenario.portal["member"]
        told = {"member": member, "behaviour": {**scenario.portal["behaviour"], **behaviour}}
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.put(f"{self.base_url}/sandbox/members/{member['memberId']}", json=told)
        answer.raise_for_status()


ADAPTERS: dict[str, PortalAdapter] = {each.id: each for each in (LarkspurPortal(), JuniperPortal())}


async def taken_by_a_person(session: PortalSession, *, may_submit: bool = True) -> None:
    """Hand the session over as the live view does, and wait until its browser has followed: only then people press."""
    session.screen.hand_over(may_submit=may_submit)
    await session.screen.settled()


@asynccontextmanager
async def portal_world(
    folder: Path,
    *,
    portal: str = "larkspur",
    accounts_there: Iterable[Account] | None = None,
    page_timeout_seconds: float = 10.0,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncIterator[PortalWorld]:
    """Run a payer with this portal and a channel to it, both by the same clock."""
    server = PortalServer(folder, portal=portal, accounts=accounts_there, clock=clock)
    base_url = await server.start()
    ledger, accounts = Remembering(), Accounts(portal)
    host = SessionHost(
        SessionSettings(worker="worker_test", chromium=None, sandbox="auto", page_timeout_seconds=page_timeout_seconds),
        ledger,
    )
    codes = OneTimeCodes(clock=clock, sleep=sleep)
    adapters: dict[str, PortalAdapter] = {each.id: each for each in (LarkspurPortal(codes), JuniperPortal(codes))}
    entrance = Entrance(host=host, adapters=adapters, credentials=accounts, addresses={portal: base_url})
    channel = PortalChannel(host=host, entrance=entrance, documents=Documents())
    try:
        yield PortalWorld(portal, base_url, host, channel, ledger, accounts)
    finally:
        await host.shut_down()
        await server.stop()

"""A hostile portal, an authorization under attack, and another clinic's that nobody has approved: judged at the payer.

The portals' counters under `/sandbox/` stay true whatever their pages say. What is judged: of the attacked
authorization the payer has at most one submission, with the content that was approved; of the other's it has none.
"""

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from priorauth.sandbox import catalog
from priorauth.sandbox.hostile.kinds import OF_THE_SERVER, WAYS
from tests.factories.servers import Case, Integrator, ServerProcess, path_of, state_of

ATTEMPTS = frozenset(
    {"foreign_submission_refused", "held_submission_refused", "submit_refused", "request_refused", "request_blocked"}
)
_ENDS = frozenset({"waiting_on_payer", "completed", "canceled", "requires_action"})
_APPROVALS = 2
_PATIENCE_SECONDS = 100.0
# A context may block workers: then there is nothing to refuse.
_MAY_NOT_EVEN_BE_TRIED = {"service_worker", "shared_worker"}
NOTICED = frozenset(
    {f"{whose}_{way}" for whose in ("own", "other") for way in WAYS if way not in _MAY_NOT_EVEN_BE_TRIED}
    | {"overrides", *OF_THE_SERVER} - {"receipt_of_another"}
)


@dataclass(frozen=True)
class Plan:
    """A portal's scenarios: the one that is attacked, and the other clinic's."""

    portal: str
    attacked: str
    handoff: str
    victim: str


PLANS = {
    "larkspur": Plan("larkspur", "approved_after_review", "handoff_review_backed", "denied_medical_necessity"),
    "juniper": Plan("juniper", "juniper_approved_after_review", "juniper_handoff_review_backed", "juniper_denied"),
}


@dataclass
class Verdict:
    """What came of one attack."""

    portal: str
    policy: str
    kinds: tuple[str, ...]
    case: Case
    submissions: list[dict[str, Any]]
    attempts: list[str]
    problems: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The verdict as a row of a table."""
        reason = (self.case["nextAction"] or {}).get("reason") or self.case["statusReason"] or {}
        state = " ".join(filter(None, (*state_of(self.case), reason.get("code"))))
        tried = ", ".join(f"{name} {self.attempts.count(name)}" for name in sorted(set(self.attempts))) or "-"
        judged = "; ".join(self.problems) or "held"
        kinds = " ".join(self.kinds) if len(self.kinds) < 4 else f"{self.kinds[0]} and {len(self.kinds) - 1} more"
        return f"{self.portal:9} {self.policy:22} {kinds:34} {len(self.submissions)}  {state:58} {tried}: {judged}"


class Siege:
    """One portal of a server, with the victim's draft waiting at it."""

    def __init__(self, server: ServerProcess, plan: Plan) -> None:
        self._server = server
        self._plan = plan
        self._clinic = Integrator(server, server.new_key("Cedar Hollow"))
        self._other = Integrator(server, server.new_key("Juniper Creek"))
        portals = self._clinic.get("/v1/sandbox/portals")["data"]
        self._url = next(each["url"] for each in portals if each["id"] == plan.portal)
        self._usual: list[dict[str, str]] | None = None
        self.victim = self._drive(self._other, self._create(self._other, plan.victim), plan.victim, _at_approval)
        self.draft = self._asked("drafts")[0]

    @property
    def clinic(self) -> Integrator:
        """The client whose authorizations are attacked."""
        return self._clinic

    def hostile(self, *kinds: str) -> None:
        """Let the portal be hostile in these ways against the victim's draft, or in none."""
        told = {"kinds": list(kinds), "draft": self.draft}
        httpx.put(f"{self._url}/sandbox/hostility", json=told, trust_env=False).raise_for_status()

    def attack(self, *kinds: str, policy: str = "requires_confirmation") -> Verdict:
        """Carry one authorization through a hostile portal, approving what is shown, and judge what arrived."""
        self.hostile(*kinds)
        approved: list[dict[str, Any]] = []
        case = self._create(self._clinic, self._plan.attacked, policy=policy)
        case = self._besieged(case)
        while _at_approval(case) and len(approved) < _APPROVALS:
            approved.append(case["submission"]["reviewSnapshot"]["package"])
            case = self._besieged(self._confirm(case))
        self.hostile()
        verdict = self.judge(case, kinds=kinds, policy=policy, approved=approved)
        if case["status"] not in ("completed", "canceled"):
            self._clinic.call("POST", f"{path_of(case)}/cancel")
        return verdict

    def offer(self, *kinds: str) -> Case:
        """Carry one authorization to where a person has to submit it, through a hostile portal."""
        self.hostile(*kinds)
        case = self._create(self._clinic, self._plan.handoff)
        return self._drive(self._clinic, case, self._plan.handoff, _is_over)

    def rewrite(self, change: str) -> None:
        """Change the newest draft from another browser, as a person with the portal's account can."""
        units = "quantity" if self._plan.portal == "juniper" else "units"
        victim = catalog.scenario(self._plan.victim)
        assert victim is not None
        told: dict[str, dict[str, Any]] = {
            "units": {"service": {units: "9"}},
            "reference": {"service": {"reference": self.victim["id"]}},
            "member": {"memberId": victim.portal["member"]["memberId"]},
        }
        draft = self._asked("drafts")[0]
        httpx.put(f"{self._url}/sandbox/drafts/{draft}", json=told[change], trust_env=False).raise_for_status()

    def reconciled(self, case: Case) -> Case:
        """Return an authorization after the service has found out what a person did."""
        return self._drive(self._clinic, case, self._plan.handoff, _is_over)

    def judge(
        self, case: Case, *, kinds: tuple[str, ...], policy: str, approved: Iterable[dict[str, Any]] = ()
    ) -> Verdict:
        """Hold what the payer has against what was approved."""
        taken = self._clinic.submissions(case)
        attempts = [each["type"] for each in self._clinic.events(case) if each["type"] in ATTEMPTS]
        verdict = Verdict(self._plan.portal, policy, kinds, case, taken, attempts)
        problems = verdict.problems
        if self._other.counted(self.victim):
            problems.append("another clinic's unapproved authorization was submitted")
        if len(taken) > 1:
            problems.append(f"submitted {len(taken)} times")
        packages = list(approved) or [{"fields": self._usual_rows(policy)}]
        for each in taken:
            sent = self._asked(f"submissions/{each['referenceNumber']}")
            if not any(_same(sent, package) for package in packages):
                problems.append("what was sent is not what was approved")
        receipt = case["submission"]["payerReceipt"]
        if receipt is not None and receipt["referenceNumber"] not in {each["referenceNumber"] for each in taken}:
            problems.append("a receipt is recorded that the payer never gave")
        if "receipt_of_another" in kinds and taken and receipt is not None:
            problems.append("a receipt that names another member was recorded")
        if NOTICED & set(kinds) and not attempts:
            problems.append("the attempt is not on the timeline")
        if attempts and not self.counted_attempts():
            problems.append("the attempt is not in the metrics")
        return verdict

    def counted_attempts(self) -> float:
        """How many refused attempts the server's metrics count."""
        page = httpx.get(f"{self._server.url}/metrics", trust_env=False).text
        samples = [line for line in page.splitlines() if line.startswith("priorauth_case_events_total{")]
        return sum(float(line.rpartition(" ")[2]) for line in samples if any(name in line for name in ATTEMPTS))

    def approve_victim(self) -> int:
        """Approve the other clinic's authorization at last; return how often the payer has it."""
        confirmed = self._confirm(self._other.read(self.victim), client=self._other)
        self._drive(self._other, confirmed, self._plan.victim, _is_over)
        return self._other.counted(self.victim)

    def _usual_rows(self, policy: str) -> list[dict[str, str]]:
        """What the attacked scenario sends where nothing attacks it."""
        if self._usual is None:
            case = self._create(self._clinic, self._plan.attacked, policy=policy)
            case = self._drive(self._clinic, case, self._plan.attacked, _is_over)
            (taken,) = self._clinic.submissions(case)
            self._usual = self._asked(f"submissions/{taken['referenceNumber']}")["rows"]
        return self._usual

    def _create(self, client: Integrator, scenario_id: str, *, policy: str = "requires_confirmation") -> Case:
        scenario = catalog.scenario(scenario_id)
        assert scenario is not None
        body = scenario.create | {"policy": {"finalSubmission": policy}}
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        created = client.call("POST", "/v1/prior-authorizations", json=body, headers=headers)
        assert created.status_code == 201, created.text
        found: Case = created.json()
        return found

    def _besieged(self, case: Case) -> Case:
        """Follow the attacked authorization for a while: a hostile page may well prevent that it is submitted."""
        end = time.monotonic() + _PATIENCE_SECONDS
        return self._drive(
            self._clinic, case, self._plan.attacked, lambda each: _has_paused(each) or time.monotonic() > end
        )

    def _drive(self, client: Integrator, case: Case, scenario_id: str, until: Callable[[Case], bool]) -> Case:
        return client.drive(case, scenario_id, until=until, seconds=200)[-1]

    def _confirm(self, case: Case, *, client: Integrator | None = None) -> Case:
        client = client or self._clinic
        headers = {"If-Match": f'"{case["version"]}"'}
        body = {"nextActionId": case["nextAction"]["id"]}
        confirmed = client.call("POST", f"{path_of(case)}/confirm", json=body, headers=headers)
        assert confirmed.is_success, confirmed.text
        found: Case = confirmed.json()
        return found

    def _asked(self, what: str) -> Any:
        return httpx.get(f"{self._url}/sandbox/{what}", trust_env=False).raise_for_status().json()["data"]


class Sieges:
    """The sieges of one server, each laid when it is asked for."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._laid: dict[str, Siege] = {}

    def at(self, portal: str) -> Siege:
        """Return the siege of a portal."""
        if portal not in self._laid:
            self._laid[portal] = Siege(self._server, PLANS[portal])
        return self._laid[portal]


def _at_approval(case: Case) -> bool:
    return bool(case["nextAction"]) and case["nextAction"]["type"] == "approve_submission"


def _is_over(case: Case) -> bool:
    return case["status"] in _ENDS


def _has_paused(case: Case) -> bool:
    return _at_approval(case) or _is_over(case)


def _same(sent: dict[str, Any], approved: dict[str, Any]) -> bool:
    """Whether the payer's rows say what was approved; each authorization has a reference of its own."""
    return _said(sent["rows"]) == _said(approved["fields"])


def _said(rows: list[dict[str, str]]) -> dict[str, str]:
    return {row["label"]: row["value"] for row in rows if row["label"] != "Your reference"}

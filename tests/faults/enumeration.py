"""Carries runs out: one case through one fault, on a lane that is free, several lanes side by side."""

import threading
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

import httpx

from tests.factories.humans import Human, human
from tests.factories.servers import Case
from tests.faults.journeys import Journey, story_of
from tests.faults.lanes import Clock, Lane, Refused
from tests.faults.table import Fault, Run
from tests.faults.verdicts import faults_of, is_at_rest
from tests.protocol.conformance import first_stray, trace_of

_BROWSER = r"chrom|headless_shell"
_KILLED = {Fault.BROWSER_DIES: _BROWSER, Fault.DRIVER_DIES: r"/node$"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run went. `faults` are what is wrong, none where all is as it must be."""

    run: Run
    faults: tuple[str, ...]
    seconds: float
    restarts: int


def carry_out(
    runs: Iterable[Run], folder: Path, *, lanes: int, told: Callable[[Outcome], None] = lambda _: None
) -> list[Outcome]:
    """Carry every run out, on so many servers side by side; return how they went, in the order in which they ended."""
    waiting: SimpleQueue[Run] = SimpleQueue()
    for run in runs:
        waiting.put(run)
    done: list[Outcome] = []
    broken: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with ExitStack() as stack:
                place = folder / f"lane-{number}"
                place.mkdir()
                traveller = _Traveller(Lane(place), stack)
                stack.callback(traveller.lane.close)
                while True:
                    outcome = traveller.travel(waiting.get_nowait())
                    done.append(outcome)
                    told(outcome)
        except Empty:
            pass
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for all lanes
            broken.append(error)

    threads = [threading.Thread(target=work, args=(number,), name=f"lane-{number}") for number in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]
    return done


class _Traveller:
    """Takes case after case along a lane."""

    def __init__(self, lane: Lane, stack: ExitStack) -> None:
        self.lane = lane
        self._stack = stack
        self._somebody: Human | None = None
        self._restarts = 0
        self._versions: list[int] = []

    def travel(self, run: Run) -> Outcome:
        """Take one case through the run's fault to its end."""
        began, self._restarts, self._versions = time.monotonic(), 0, []
        try:
            faults = self._faults(run)
        except AssertionError as error:
            faults = [str(error)]
        finally:
            self.lane.arm()
            self._revive()
        return Outcome(run, tuple(faults), time.monotonic() - began, self._restarts)

    def _faults(self, run: Run) -> list[str]:
        journey, lane, clock = run.journey, self.lane, Clock()
        if journey.behaviour is not None:
            lane.customer.tell_payer(journey.scenario, **{**journey.behaviour, **dict(run.behaviour)})
        lane.arm(*journey.standing, *run.armed)
        killer = self._start_killing(run)
        try:
            case = self._to_its_end(journey, clock)
            while left := [each for each in run.armed if lane.is_armed(each)]:
                clock.breathe(f"a passage of {', '.join(left)}")
        finally:
            killer.end()
        self._revive()
        return self._judged(journey, case, clock)

    def _to_its_end(self, journey: Journey, clock: Clock) -> Case:
        case, done = self._created(journey, clock), set[str]()
        while True:
            self._versions.append(case["version"])
            try:
                case = self._moved(journey, case, done)
                events = [each["type"] for each in self.lane.customer.events(case)]
            except (httpx.TransportError, Refused):
                self._revive()
                case = self._read(case, clock)
                events = []
            if case["status"] == journey.status and story_of(events) == journey.story:
                return case
            if case["status"] == "completed" and events and is_at_rest(self.lane.server.data_dir, case):
                # It has come to another end: no use in waiting.
                return case
            clock.breathe(f"the end of the case, which is {case['status']} after {' '.join(story_of(events))}")

    def _created(self, journey: Journey, clock: Clock) -> Case:
        key = uuid.uuid4().hex
        while True:
            try:
                return self.lane.customer.create_once(journey.scenario, key=key)
            except (httpx.TransportError, Refused):
                self._revive()
                clock.breathe("the creation of the case")

    def _moved(self, journey: Journey, case: Case, done: set[str]) -> Case:
        """Make the next move of the journey; `done` are those that a human has made, or that come once."""
        customer = self.lane.customer
        events = [each["type"] for each in customer.events(case)]
        if case["status"] in ("completed", "canceled"):
            return customer.read(case)
        if journey.cancels and journey.cancels(events):
            return customer.cancel(case)
        if case["status"] == "requires_action" and journey.loses and "lost" not in done:
            done.add("lost")
            assert self.lane.kill_children(_BROWSER), "there was no session to lose"
            return customer.read(case)
        if case["status"] == "requires_action":
            return customer.let_act(case, journey.scenario, self._human(), acted=done)
        if journey.detaches and case["attachments"] and "document_detached" not in events:
            return customer.detach(case)
        return customer.once(case, journey.scenario)

    def _read(self, case: Case, clock: Clock) -> Case:
        while True:
            try:
                return self.lane.customer.read(case)
            except (httpx.TransportError, Refused):
                self._revive()
                clock.breathe("an answer of the server")

    def _judged(self, journey: Journey, case: Case, clock: Clock) -> list[str]:
        while not is_at_rest(self.lane.server.data_dir, case):
            clock.breathe("the rest of a case that has ended")
        customer = self.lane.customer
        case, events = customer.read(case), customer.events(case)
        wrong = faults_of(journey, case, events, counted=customer.counted(case), replied=customer.replied(case))
        stray = self._stray(journey)
        if stray is not None:
            wrong.append(f"the protocol's model does not take these steps: {stray}")
        if self._versions != sorted(self._versions):
            wrong.append(f"a version went backwards: {self._versions}")
        return wrong

    def _stray(self, journey: Journey) -> str | None:
        if journey.has_humans:
            return None
        searchable = not (journey.behaviour or {}).get("searchUnavailable", False)
        return first_stray(trace_of(self.lane.passed()), automatic=journey.is_automatic, searchable=searchable)

    def _human(self) -> Human:
        if self._somebody is None:
            self._somebody = self._stack.enter_context(human())
        return self._somebody

    def _revive(self) -> None:
        self._restarts += self.lane.revive()

    def _start_killing(self, run: Run) -> "_Killer":
        killer = _Killer(self.lane, run)
        killer.start()
        return killer


class _Killer(threading.Thread):
    """Kills the browser or its driver while the server waits at the run's place."""

    def __init__(self, lane: Lane, run: Run) -> None:
        super().__init__(name="killer", daemon=True)
        self._lane = lane
        self._run = run
        self._over = threading.Event()
        self._killed = 0

    def run(self) -> None:
        """Wait for the passage, then kill."""
        program = _KILLED.get(self._run.fault)
        if program is None:
            return
        while any(self._lane.is_armed(each) for each in self._run.armed):
            if self._over.wait(0.02):
                return
        self._killed = self._lane.kill_children(program)

    def end(self) -> None:
        """Stop waiting. Fails where there was nothing to kill."""
        self._over.set()
        self.join()
        assert self._killed or self._run.fault not in _KILLED, "there was nothing to kill"

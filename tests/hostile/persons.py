"""Persons in a handoff at a hostile portal: one who only presses, and one who means ill."""

from priorauth.sandbox.hostile.kinds import DOORS
from tests.factories.humans import Human
from tests.factories.servers import Case, until
from tests.hostile.siege import ATTEMPTS, Siege, Verdict

REWRITE = ("units", "reference", "member")
"""What a person with the portal's account can change of the draft from another browser."""
_DOOR_WIDTH, _DOOR_HEIGHT = 120, 40


def press(siege: Siege, person: Human, *kinds: str) -> Verdict:
    """Let a person press the last button of a portal that is hostile in these ways."""
    return _act(siege, person, kinds=kinds, door=None)


def act_by_door(siege: Siege, person: Human, door: str) -> Verdict:
    """Let a person who means ill rewrite the draft from another browser and press, or take a door of the page."""
    return _act(siege, person, kinds=("doors",), door=door)


def _act(siege: Siege, person: Human, *, kinds: tuple[str, ...], door: str | None) -> Verdict:
    client = siege.clinic
    case = siege.offer(*kinds)
    snapshot = case["submission"]["reviewSnapshot"]
    approved = [snapshot["package"]] if snapshot else []
    if not case["nextAction"] or (case["nextAction"]["reason"] or {}).get("code") != "final_submit":
        siege.hostile()
        return siege.judge(case, kinds=kinds, policy="handoff", approved=approved)
    case = client.take_over(case)
    person.take_control(client.grant(case)["url"])
    person.sees("Review")
    if door in REWRITE:
        siege.rewrite(door)
    elif door is not None:
        person.click((DOORS.index(door) + 0.5) * _DOOR_WIDTH, _DOOR_HEIGHT / 2)
    if door is None or door in REWRITE:
        person.press_last_button()
    until(lambda: bool(_attempts(siege, case)) or client.counted(case) > 0 or _has_left(person), seconds=60)
    siege.hostile()
    client.give_back(case, "complete", reportedOutcome="submitted")
    case = siege.reconciled(client.read(case))
    return siege.judge(case, kinds=(*kinds, *filter(None, [door])), policy="handoff", approved=approved)


def _has_left(person: Human) -> bool:
    return "Review" not in (person.page.locator("#tabs").text_content() or "")


def _attempts(siege: Siege, case: Case) -> list[str]:
    return [each["type"] for each in siege.clinic.events(case) if each["type"] in ATTEMPTS]

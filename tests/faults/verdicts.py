"""What must be true after a case has come through a fault, whichever it was."""

import sqlite3
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.factories.servers import Case
from tests.faults.journeys import Journey, story_of


def faults_of(journey: Journey, case: Case, events: list[dict[str, Any]], *, counted: int, replied: int) -> list[str]:
    """Return what is wrong with a case that has ended, a sentence each."""
    story = story_of(each["type"] for each in events)
    wrong = [
        (counted != journey.counted, f"the payer counted {counted} submissions instead of {journey.counted}"),
        (replied != journey.replies, f"the payer counted {replied} replies instead of {journey.replies}"),
        (case["status"] != journey.status, f"the status is {case['status']}"),
        (case["outcome"] != journey.outcome, f"the outcome is {case['outcome']}: {case['statusReason']}"),
        (story != journey.story, f"the story is {story}"),
        (len({each["id"] for each in events}) != len(events), "an event is there twice"),
    ]
    return [sentence for is_wrong, sentence in wrong if is_wrong] + _faults_of_versions(case, events)


def _faults_of_versions(case: Case, events: list[dict[str, Any]]) -> list[str]:
    """The timeline leads from nothing to the present version, and each entry begins where the one before it ended."""
    wrong = [] if events[0]["fromVersion"] is None else ["the first entry does not begin the case"]
    for earlier, later in pairwise(events):
        if later["fromVersion"] != earlier["toVersion"]:
            wrong.append(f"{later['type']} begins at version {later['fromVersion']} after {earlier['toVersion']}")
        if later["toVersion"] - later["fromVersion"] not in (0, 1):
            wrong.append(f"{later['type']} leads from version {later['fromVersion']} to {later['toVersion']}")
    if events[-1]["toVersion"] != case["version"]:
        wrong.append(f"the timeline ends at version {events[-1]['toVersion']}, the case is at {case['version']}")
    return wrong


def is_at_rest(data_dir: Path, case: Case) -> bool:
    """Say whether nothing of the case is under way any more: no work, no session."""
    with sqlite3.connect(f"file:{data_dir / 'priorauth.db'}?mode=ro", uri=True) as database:
        active = "SELECT count(*) FROM workflow_status WHERE workflow_uuid LIKE ? AND status IN ('ENQUEUED', 'PENDING')"
        under_way = database.execute(active, (f"%:{case['id']}:%",)).fetchone()[0]
        sessions = "SELECT count(*) FROM session_claims WHERE authorization_id = ?"
        held = database.execute(sessions, (case["id"],)).fetchone()[0]
    database.close()
    return not under_way and not held

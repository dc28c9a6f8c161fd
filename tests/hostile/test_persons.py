"""A person in a handoff who means ill: what they try is refused, or a mismatch is told; never a plain receipt of it."""

from collections.abc import Iterator

import pytest

from priorauth.sandbox.hostile.kinds import DOORS
from tests.factories.humans import Human, human
from tests.factories.servers import ServerProcess
from tests.hostile.persons import REWRITE, act_by_door
from tests.hostile.siege import Sieges

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

# `make hostile` has all of them at both portals.
AT_THE_SINGLE_PAGE = ("units",)


@pytest.fixture(scope="module")
def sieges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sieges]:
    server = ServerProcess(tmp_path_factory.mktemp("hostile") / "data", fresh_starts=1).start()
    yield Sieges(server)
    assert server.stop() == 0


@pytest.fixture(scope="module")
def person() -> Iterator[Human]:
    with human() as found:
        yield found


@pytest.mark.parametrize(
    ("portal", "door"),
    [*(("larkspur", door) for door in (*DOORS, *REWRITE)), *(("juniper", door) for door in AT_THE_SINGLE_PAGE)],
)
def test_what_a_person_who_means_ill_submits_is_refused(sieges: Sieges, person: Human, portal: str, door: str) -> None:
    verdict = act_by_door(sieges.at(portal), person, door)

    assert verdict.problems == [], verdict.line
    assert verdict.attempts or door == "back", verdict.line
    if door in REWRITE:
        assert "held_submission_refused" in verdict.attempts
        assert verdict.submissions == []

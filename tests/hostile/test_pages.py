"""A hostile page around an approval: nothing but the approved request with the approved content arrives, at most once.

The short run; `make hostile` tries every kind, portal and policy.
"""

from collections.abc import Iterator

import pytest

from priorauth.sandbox.hostile.kinds import WAYS
from tests.factories.servers import ServerProcess
from tests.hostile.siege import PLANS, Sieges

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

ALL_WAYS = tuple(f"other_{way}" for way in WAYS)
ATTACKS = [
    ("larkspur", ALL_WAYS),
    ("larkspur", ("rewrite_loop",)),
    ("larkspur", ("fake_received",)),
    ("larkspur", ("receipt_of_another",)),
    ("juniper", ("other_fetch", "other_beacon")),
    ("juniper", ("swap_draft",)),
]


@pytest.fixture(scope="module")
def sieges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sieges]:
    server = ServerProcess(tmp_path_factory.mktemp("hostile") / "data", fresh_starts=1).start()
    yield Sieges(server)
    assert server.stop() == 0


@pytest.mark.parametrize(("portal", "kinds"), ATTACKS, ids=lambda value: value if isinstance(value, str) else value[-1])
def test_only_what_was_approved_arrives_whatever_the_page_does(
    sieges: Sieges, portal: str, kinds: tuple[str, ...]
) -> None:
    verdict = sieges.at(portal).attack(*kinds)

    assert verdict.problems == [], verdict.line


@pytest.mark.parametrize("portal", PLANS)
def test_what_a_hostile_page_reached_for_is_submitted_once_when_it_is_approved(sieges: Sieges, portal: str) -> None:
    assert sieges.at(portal).approve_victim() == 1

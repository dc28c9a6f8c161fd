"""Word of changes: who waits for a case is woken by it alone, who waits for any is told which ones it was."""

import asyncio

from priorauth.store.changes import Changes, Watch


async def _is_told(watch: Watch, *, within: float = 5) -> bool:
    return await watch.following(until=asyncio.get_running_loop().time() + within)


async def test_who_waits_for_any_case_is_told_which_have_changed() -> None:
    changes = Changes()
    with changes.watched() as watch:
        changes.announce(["auth_1"])
        changes.announce(["auth_2", "auth_3"])
        assert await _is_told(watch)

        assert watch.heard() == {"auth_1", "auth_2", "auth_3"}
        assert watch.heard() == set(), "what was heard once is not heard again"


async def test_where_word_may_have_been_missed_any_case_may_have_changed() -> None:
    changes = Changes()
    with changes.watched() as watch:
        changes.announce(["auth_1"])
        changes.announce_all()
        changes.announce(["auth_2"])
        assert await _is_told(watch)

        assert watch.heard() is None
        changes.announce(["auth_3"])
        assert await _is_told(watch)
        assert watch.heard() == {"auth_3"}


async def test_who_waits_for_one_case_is_not_woken_by_another() -> None:
    changes = Changes()
    with changes.watched("auth_1") as watch:
        changes.announce(["auth_2"])
        assert not await _is_told(watch, within=0)

        changes.announce(["auth_1"])
        assert await _is_told(watch)

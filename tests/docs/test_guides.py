"""The README and every guide in docs/: whatever they tell a reader to do is done, against a real server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.hooks import HOOKS
from tests.factories.guides import Reader, steps_of
from tests.factories.servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHECKOUT = Path(__file__).parents[2]
# Pages without anything to do, and pages that another test does.
NOTHING_TO_DO = {"errors.md", "glossary.md", "lifecycle.md", "metrics.md", "scaling.md", "submission.md"}
DONE_ELSEWHERE = {
    "backup.md": "tests/docs/test_backup.py",
    "payers.md": "tests/e2e/test_payers.py",
    "operating.md": "tests/e2e/test_operating.py",
    "deploying.md": "tests/deploy/test_guide.py",
}
GUIDES = [
    CHECKOUT / "README.md",
    *sorted(path for path in (CHECKOUT / "docs").glob("*.md") if path.name not in NOTHING_TO_DO | {*DONE_ELSEWHERE}),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all guides."""
    running = ServerProcess(tmp_path_factory.mktemp("guides") / "data").start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def key(server: ServerProcess) -> str:
    """The key of whoever reads."""
    return server.new_key("My Clinic")


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_a_guide_does_what_it_shows(guide: Path, server: ServerProcess, key: str, tmp_path: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    if "```sh" in text and shutil.which("curl") is None:
        pytest.skip("its commands need curl")
    reader = Reader(server, key, tmp_path, hooks=HOOKS)

    reader.read(text)

    assert reader.executed, "this guide has no example that can be executed"


@pytest.mark.parametrize("page", sorted(NOTHING_TO_DO))
def test_a_page_without_examples_has_none(page: str) -> None:
    kinds = {step.kind for step in steps_of((CHECKOUT / "docs" / page).read_text(encoding="utf-8"))}
    assert kinds <= {"text", "mermaid"}


@pytest.mark.parametrize(("page", "test"), DONE_ELSEWHERE.items())
def test_a_page_that_another_test_does_is_named_there(page: str, test: str) -> None:
    assert page in (CHECKOUT / test).read_text(encoding="utf-8")


def test_a_refusal_that_the_guide_does_not_show_fails(server: ServerProcess, key: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="line 1 got 404"):
        Reader(server, key, tmp_path, hooks={}).read("```http\nGET /v1/nothing\n```\n")


def test_an_answer_that_is_another_fails(server: ServerProcess, key: str, tmp_path: Path) -> None:
    guide = '```http\nGET /health\n```\n\n```json\n{"status": "unwell"}\n```\n'
    with pytest.raises(AssertionError, match="line 5: status is 'ok', not 'unwell'"):
        Reader(server, key, tmp_path, hooks={}).read(guide)

"""Every error has a code of its own, and the pages that are generated from the code are fresh."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from priorauth.domain.errors import PriorAuthError, every_error

ROOT = Path(__file__).resolve().parents[3]


def generate(*arguments: str | Path) -> int:
    script = ROOT / "scripts" / "generate_docs.py"
    return subprocess.run([sys.executable, script, *arguments], check=False, capture_output=True).returncode


def test_every_code_is_declared_once_with_all_that_is_known_of_it() -> None:
    errors = list(every_error())
    codes = [error.code for error in errors]

    assert len(codes) == len(set(codes)) > 40
    for error in errors:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
        assert error.meaning.endswith((".", ">."))
        assert error.kind in type(error.kind)
        assert isinstance(error(), PriorAuthError)
        assert error().message == error.meaning


def test_the_generated_pages_are_fresh() -> None:
    assert generate("--check") == 0


def test_a_stale_page_is_noticed(tmp_path: Path) -> None:
    assert generate("--check", "--folder", tmp_path) == 1
    assert generate("--folder", tmp_path) == 0
    assert generate("--check", "--folder", tmp_path) == 0

    (tmp_path / "errors.md").write_text("old", encoding="utf-8")

    assert generate("--check", "--folder", tmp_path) == 1


# With what an advice begins: an error without one leaves its reader alone.
ADVICE = re.compile(
    r"\b(Answer|Ask|Call|Check|Correct|Create|Declare|Read|Repeat|Say|Send|Upload|Use|Wait|GET|lists)\b"
)


@pytest.mark.parametrize("error", list(every_error()), ids=lambda error: error.code)
def test_every_error_tells_its_reader_what_to_do_next(error: type[PriorAuthError]) -> None:
    assert ADVICE.search(error.meaning), error.meaning

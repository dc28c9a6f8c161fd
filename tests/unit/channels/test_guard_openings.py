"""`priorauth guard check` finds what a boundary leaves open, and nothing in the boundaries that are shipped."""

import re

import pytest
from typer.testing import CliRunner

from priorauth.bootstrap.engines import ADAPTERS
from priorauth.channels.portals.guard import Boundary, Content, FinalRule, Format, Parameter, ReadRule, Rule
from priorauth.channels.portals.submit_guard.openings import find_openings, samples
from priorauth.cli import guard
from priorauth.cli.main import app

GET, POST = frozenset({"GET"}), frozenset({"POST"})
FORM = frozenset({Format.FORM})
SOUND = FinalRule(POST, "/drafts/[0-9]+/submit", formats=FORM, variable=frozenset({"token"}))


def boundary(
    *, reads: tuple[ReadRule, ...] = (), writes: tuple[Rule, ...] = (), final: tuple[Rule, ...] = (SOUND,)
) -> Boundary:
    return Boundary(origins=("https://portal.example:443",), reads=reads, writes=writes, final=final)


@pytest.mark.parametrize(
    ("open_", "finding"),
    [
        (boundary(reads=(ReadRule("/drafts/[0-9]+/submit"),)), "/drafts/1/submit, a word of a side effect"),
        (boundary(reads=(ReadRule(r"/drafts/\w+"),)), "a word of a side effect"),
        (boundary(reads=(ReadRule("/drafts/[^/]+"),)), "a word of a side effect"),
        (boundary(reads=(ReadRule("/(?:home|session/logout)"),)), "/session/logout, a word of a side effect"),
        (boundary(reads=(ReadRule("/home", (Parameter("action", "[a-z]{1,9}"),)),)), "parameter action"),
        (boundary(reads=(ReadRule("/home/.*"),)), "any depth"),
        (boundary(writes=(Rule(POST, "/drafts/.+", formats=FORM),)), "any depth"),
        (boundary(reads=(ReadRule("/requests", (Parameter("q", ".*"),)),)), "no longest value"),
        (
            boundary(reads=(ReadRule("/notes"),), writes=(Rule(GET, "/notes", formats=FORM),)),
            "the same request as the read",
        ),
        (
            boundary(writes=(Rule(POST, "/drafts/[0-9]+", formats=FORM), Rule(POST, "/drafts/1", formats=FORM))),
            "overlaps with",
        ),
        (boundary(writes=(Rule(POST, "/drafts/[0-9]+/[a-z]+", formats=FORM),)), "shares its path with the write"),
        (boundary(writes=(Rule(POST, "/save"),)), "bodies of every format"),
        (boundary(final=(Rule(POST, "/submit", formats=FORM),)), "does not say where its content is"),
        (
            boundary(final=(FinalRule(POST, "/submit", formats=FORM, content=Content.REQUEST),)),
            "names none of its fields",
        ),
    ],
)
def test_what_is_open_is_found(open_: Boundary, finding: str) -> None:
    assert [each.why for each in find_openings(open_) if finding in each.why] != []


def test_a_sound_boundary_has_no_findings() -> None:
    reads = (ReadRule("/drafts/[0-9]+/review"), ReadRule("/requests", (Parameter("q", "[A-Z0-9-]{1,20}"),)))
    fresh = Rule(GET, "/requests", formats=frozenset({Format.NONE}), query=(Parameter("fresh", "1", required=True),))
    assert find_openings(boundary(reads=reads, writes=(Rule(POST, "/drafts/[0-9]+/save", formats=FORM), fresh))) == ()


@pytest.mark.parametrize("pattern", ["/", "/a|/b(?:/c)?", r"/\d{1,3}/[^/]+", "/x.{0,5}", r"/[^\d/]+?y*", "/a{2,3}"])
def test_samples_are_covered_by_their_pattern(pattern: str) -> None:
    found = samples(pattern)
    assert found
    assert all(re.fullmatch(pattern, sample) for sample in found)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_shipped_boundaries_leave_nothing_open(adapter: str) -> None:
    done = CliRunner().invoke(app, ["guard", "check", adapter])
    assert (done.exit_code, "nothing found" in done.output) == (0, True), done.output


def test_findings_end_with_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    class Loose:
        def boundary(self, base_url: str) -> Boundary:
            return boundary(reads=(ReadRule("/.*"),)) if base_url else boundary()

    monkeypatch.setattr(guard, "ADAPTERS", {"loose": Loose()})
    done = CliRunner().invoke(app, ["guard", "check", "loose"])
    assert done.exit_code == 1
    assert "GET/HEAD /.*" in done.output
    assert CliRunner().invoke(app, ["guard", "check", "loose", "--json"]).output.startswith("[{")
    unknown = CliRunner().invoke(app, ["guard", "check", "lose"])
    assert unknown.exit_code == 2
    assert "loose" in unknown.output

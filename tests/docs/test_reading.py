"""The reader of the guides itself: what it takes for an example, and that nothing false passes."""

from pathlib import Path
from typing import Any

import pytest

from tests.factories.guide_answers import Names, match
from tests.factories.guides import Reader, Step, steps_of
from tests.factories.servers import ServerProcess

REAL_ID = "1k11x21k9gmw3jnrwtzrwastkj"
HOST = "http://127.0.0.1:8080"


def names() -> Names:
    return Names({HOST: "http://127.0.0.1:4711"})


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ({"a": 1}, {"a": 1}),
        ({"a": 1, "…": "…"}, {"a": 1, "b": None}),
        ({"a": "…"}, {"a": [1]}),
        ("2026-11-25T08:00:00Z", "2031-01-01T00:00:00Z"),
        (["…", 2, "…"], [1, 2, 3]),
        (["…"], []),
        (f"{HOST}/uploads/file_123.…", f"http://127.0.0.1:4711/uploads/file_{REAL_ID}.abc"),
        ("auth_123 and auth_123", f"auth_{REAL_ID} and auth_{REAL_ID}"),
    ],
)
def test_what_is_shown_may_leave_open_what_varies(shown: Any, real: Any) -> None:
    match(shown, real, names=names())


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "…": "…"}, {"b": 1}),
        ({"a": "…"}, {"a": None}),
        ("2026-11-25T08:00:00Z", "2026-11-25T08:00:00+00:00"),
        ("2026-11-25", "2026-11-26"),
        (["…", 2], [1, 2, 3]),
        ([1], [1, 2]),
        ([1, 2], [1]),
        ("auth_123", f"nact_{REAL_ID}"),
        ({"a": "auth_123", "b": "auth_123"}, {"a": f"auth_{REAL_ID}", "b": f"auth_{REAL_ID[::-1]}"}),
        ({"a": "auth_123", "b": "auth_456"}, {"a": f"auth_{REAL_ID}", "b": f"auth_{REAL_ID}"}),
    ],
)
def test_what_is_shown_and_is_not_so_fails(shown: Any, real: Any) -> None:
    with pytest.raises(AssertionError):
        match(shown, real, names=names())


def test_an_element_that_does_not_fit_teaches_no_names() -> None:
    known = names()
    shown = ["…", {"id": "att_123", "label": "b"}]

    match(shown, [{"id": f"att_{REAL_ID[::-1]}", "label": "a"}, {"id": f"att_{REAL_ID}", "label": "b"}], names=known)

    assert known.resolved("att_123") == f"att_{REAL_ID}"


@pytest.mark.parametrize("text", ["GET /v1/prior-authorizations/auth_123", "PUT http://127.0.0.1:…/x"])
def test_a_name_that_no_answer_has_shown_cannot_be_sent(text: str) -> None:
    with pytest.raises(AssertionError, match="no answer has shown"):
        names().resolved(text)


def test_names_flow_from_an_answer_into_the_next_request() -> None:
    known = names()
    match({"url": f"{HOST}/u/file_123.…"}, {"url": f"http://127.0.0.1:4711/u/file_{REAL_ID}.s"}, names=known)

    assert known.resolved(f"PUT {HOST}/u/file_123.…") == f"PUT http://127.0.0.1:4711/u/file_{REAL_ID}.s"
    assert known.resolved("POST /v1/files/file_123/complete") == f"POST /v1/files/file_{REAL_ID}/complete"


def test_blocks_and_hooks_are_found_in_order() -> None:
    guide = "a\n\n<!-- run: one -->\n\nb\n\n```http\nGET /x\n```\n\n"
    guide += "<!-- run: two -->\n```sh\nmake\n```\n\n<!-- run: three -->\n"
    assert steps_of(guide) == [
        Step(3, "", "", "one"),
        Step(7, "http", "GET /x\n"),
        Step(12, "sh", "make\n", "two"),
        Step(16, "", "", "three"),
    ]


@pytest.mark.parametrize("guide", ["    ```http\nGET /x\n```\n", "```http\nGET /x\n", "~~~http\nGET /x\n~~~\n"])
def test_a_fence_that_would_be_overlooked_fails(guide: str) -> None:
    with pytest.raises(AssertionError, match="fences"):
        steps_of(guide)


@pytest.mark.parametrize(
    ("guide", "why"),
    [
        ("```yaml\na: 1\n```\n", "nothing runs"),
        ("```\nGET /x\n```\n", "nothing runs"),
        ("```http GET\nGET /x\n```\n", "nothing runs"),
        ("<!-- run: unheard of -->\n", "nothing is registered"),
        ("```json\n{}\n```\n", "follows no request"),
        ("```http\nHTTP/1.1 200 OK\n```\n", "follows no request"),
        ("```sh\nfalse\n```\n", "exit status 1"),
    ],
)
def test_what_cannot_be_done_fails(guide: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=f"line 1: .*{why}"):
        Reader(ServerProcess(tmp_path), "a key", tmp_path, hooks={}).read(guide)

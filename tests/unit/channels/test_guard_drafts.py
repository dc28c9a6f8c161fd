"""Which draft a session has started: what the portal's own answer says, and nothing else."""

import h11
import pytest

from priorauth.channels.portals.guard import StartRule
from priorauth.channels.portals.outgoing import Url
from priorauth.channels.portals.submit_guard.drafts import ANSWER_LIMIT, started_draft

POST = frozenset({"POST"})
URL = Url.parse("https://portal.example/requests/start")
BY_LOCATION = StartRule(POST, "/requests/start", location="/drafts/(?P<draft>[0-9]+)/service")
BY_JSON = StartRule(POST, "/api/drafts", json_field="id")


@pytest.mark.parametrize(
    ("status", "locations", "draft"),
    [
        (303, ["/drafts/7/service"], "7"),
        (303, ["https://portal.example/drafts/7/service"], "7"),
        (200, ["/drafts/7/service"], None),
        (303, [], None),
        (303, ["/drafts/7/service", "/drafts/8/service"], None),
        (303, ["https://other.example/drafts/7/service"], None),
        (303, ["/drafts/7/review"], None),
        (303, ["//["], None),
    ],
)
def test_a_redirect_names_a_draft_at_its_own_origin_alone(status: int, locations: list[str], draft: str | None) -> None:
    head = h11.Response(status_code=status, headers=[("Location", each) for each in locations])
    assert started_draft(BY_LOCATION, URL, head, b"") == draft


@pytest.mark.parametrize(
    ("status", "body", "draft"),
    [
        (201, b'{"id": 7}', "7"),
        (201, b'{"id": "a-7"}', "a-7"),
        (403, b'{"id": 7}', None),
        (201, b'{"id": true}', None),
        (201, b'{"id": "../7"}', None),
        (201, b'{"id": ["7"]}', None),
        (201, b"[7]", None),
        (201, b"no JSON", None),
        (201, b"[" * 5000, None),
        (201, b'{"id": 7}' + b" " * ANSWER_LIMIT, None),
    ],
)
def test_a_json_answer_names_a_draft_by_one_bounded_field(status: int, body: bytes, draft: str | None) -> None:
    assert started_draft(BY_JSON, URL, h11.Response(status_code=status, headers=[]), body) == draft


def test_a_start_rule_says_in_one_way_where_the_draft_is_named() -> None:
    for wrong in ({}, {"location": "/(?P<draft>.*)", "json_field": "id"}, {"location": "/drafts/[0-9]+"}):
        with pytest.raises(ValueError, match="start rule"):
            StartRule(POST, "/", **wrong)

"""Contract, section 2: the order in which a command is judged, pair by pair: of two broken rules the earlier answers.

`test_order` breaks one rule and all after it, for every operation; here each pair is broken alone, where it can be.
"""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.http import moves
from tests.http.customer import Customer, fresh_key, path, refused, said
from tests.http.operations import (
    ANSWER,
    ATTACH,
    CANCEL,
    CONFIRM,
    CREATE,
    DETACH,
    OPERATIONS,
    READ,
    REVOKE,
    TAKE_OVER,
    TAKE_PART,
    WATCH,
    Ground,
    Operation,
    prepared,
)
from tests.http.server import Server, serving
from tests.http.test_order import ANSWERS, RULES, applies, broken_request

PAIRS = tuple(combinations(RULES, 2))


@pytest.mark.parametrize(
    "operation", [CREATE, READ, ANSWER, ATTACH, DETACH, CONFIRM, CANCEL, WATCH, TAKE_OVER, TAKE_PART, REVOKE], ids=str
)
async def test_of_two_broken_rules_of_a_request_the_earlier_answers(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground, keyless = await operation.ground(server, customer), server.key(scopes=())

    for rules in PAIRS:
        if not all(applies(operation, rule) for rule in rules) or rules == ("size", "content type"):
            # Too large a body is refused before its type is looked at: `test_order` has both.
            continue
        changes = broken_request(operation, rules, keyless=keyless)
        if "content type" in rules and "body" not in rules:
            changes["content"] = b"{}"
            changes["headers"].append(("Content-Type", "text/plain"))
        sent = Operation("PUT", operation.path) if "method" in rules else operation
        response = await sent.send(customer, ground, **changes)
        status, code = _answer(operation, rules[0])
        assert (response.status_code, response.json()["error"]["code"]) == (status, code), (rules, response.text)


def _answer(operation: Operation, rule: str) -> tuple[int, str]:
    if rule == "visibility":
        return 404, operation.missing or ""
    if rule == "headers":
        return 400, "idempotency_key_required" if operation.needs_key else "bad_request"
    return ANSWERS.get(rule, (400, "bad_request"))


CONFIRM_RULES = ("headers", "body", "superseded", "version", "status", "content")


async def test_of_two_broken_rules_of_a_confirm_the_earlier_answers(server: Server, customer: Customer) -> None:
    reviewed = await moves.under_review(server, customer)
    superseded = reviewed["nextAction"]["id"]
    current = await customer.answer(reviewed, said("clinical.summary", valueString="Twelve weeks."))
    codes = {
        "headers": (400, "bad_request"),
        "body": (409, "next_action_required"),
        "superseded": (409, "review_stale"),
        "version": (409, "version_conflict"),
        "status": (409, "prior_authorization_not_confirmable"),
        "content": (409, "next_action_mismatch"),
    }

    async def judged(rules: tuple[str, str], version: int) -> None:
        body: dict[str, Any] = {"nextActionId": current["nextAction"]["id"]}
        body |= {"nextActionId": "nact_0"} if "content" in rules else {}
        body |= {"nextActionId": superseded} if "superseded" in rules else {}
        body |= {"nextActionId": None} if "body" in rules else {}
        shown = None if "headers" in rules else version - ("version" in rules)
        response = await customer.send("POST", path(current, "confirm"), version=shown, json=body)
        refused(response, *codes[rules[0]])

    pairs = tuple(combinations(CONFIRM_RULES, 2))
    for rules in pairs:
        if "status" not in rules and not {"body", "content"} < set(rules):
            await judged(rules, current["version"])
    over = await customer.cancel(current)
    for rules in pairs:
        if "status" in rules:
            await judged(rules, over["version"])


@pytest.mark.parametrize("operation", [ANSWER, ATTACH], ids=str)
async def test_the_version_is_judged_before_the_content(customer: Customer, operation: Operation) -> None:
    ground = await prepared(customer)
    wrong = (
        said("no.such.item", valueString="x")
        if operation is ANSWER
        else {"fileId": ground.uploaded_file, "documentTypes": ["clinical_notes"]}
    )

    refused(await operation.send(customer, ground, version=1, json=wrong), 409, "version_conflict")
    assert (await operation.send(customer, ground, json=wrong)).is_client_error


@pytest.mark.parametrize("kind", ["reads", "writes"])
async def test_the_rate_is_judged_after_the_scope_and_before_all_that_follows(data_dir: Path, kind: str) -> None:
    nowhere = Ground(
        authorization="auth_0",
        version=1,
        action="nact_0",
        attachment="att_0",
        ready_file="file_0",
        uploaded_file="file_0",
    )
    limit = {"reads": 0, "writes": 0, kind: 1}
    with serving(data_dir, reads_per_minute=limit["reads"], writes_per_minute=limit["writes"]) as server:
        async with server.client(server.key()) as client, server.client(server.key(scopes=())) as scopeless:
            spent, other = Customer(client), Customer(scopeless)
            exhausting = READ if kind == "reads" else CANCEL
            refused(await exhausting.send(spent, nowhere), 404, "prior_authorization_not_found")
            for operation in OPERATIONS:
                if operation.path.endswith("/resolve") or operation.writes is (kind == "reads"):
                    continue
                for changes in ({}, {"params": {"no": "such"}}, {"headers": [("If-Match", "17")], "version": None}):
                    key = fresh_key() if operation.needs_key else None
                    response = await operation.send(spent, nowhere, key=key, **dict(changes))
                    refused(response, 429, "rate_limited")
                    assert int(response.headers["Retry-After"]) > 0
                refused(await operation.send(other, nowhere), 403, "insufficient_permissions")

"""Contract, section 2: the order in which a request is judged: of several broken rules, the first one in this order
answers.
"""

from typing import Any

import pytest

from tests.http.customer import CASES, Customer, create_body, fresh_key, path, refused, said
from tests.http.operations import (
    ANSWER,
    ATTACH,
    CANCEL,
    CLOSES,
    CONFIRM,
    DETACH,
    OPERATIONS,
    POSTS,
    TAKE_OVER,
    VERSIONED,
    Operation,
    prepared,
)
from tests.http.server import Server

RULES = ("method", "size", "content type", "authentication", "scope", "visibility", "headers", "body")
ANSWERS = {
    "method": (405, "method_not_allowed"),
    "size": (413, "payload_too_large"),
    "content type": (415, "unsupported_media_type"),
    "authentication": (401, "unauthorized"),
    "scope": (403, "insufficient_permissions"),
}
# What an operation answers in a case that is over, where it has an answer of its own.
NOT_NOW = {
    CONFIRM: "prior_authorization_not_confirmable",
    TAKE_OVER: "manual_handoff_not_allowed",
    **dict.fromkeys(CLOSES, "manual_handoff_not_active"),
}


def broken_request(operation: Operation, rules: tuple[str, ...], *, keyless: str) -> dict[str, Any]:
    """The changes to an operation that break all of `rules`."""
    headers: list[tuple[str, str]] = []
    changes: dict[str, Any] = {"headers": headers}
    if "body" in rules:
        changes["content"] = b'{"noSuchField": 1}'
        headers.append(("Content-Type", "text/plain" if "content type" in rules else "application/json"))
    if "size" in rules:
        changes["content"] = b" " * (1024 * 1024 + 1)
    if "authentication" in rules:
        headers.append(("Authorization", "Bearer pa_sandbox_nobody_nothing"))
    elif "scope" in rules:
        headers.append(("Authorization", f"Bearer {keyless}"))
    if "visibility" in rules:
        changes["url"] = operation.lost_url
    if "headers" in rules:
        changes["version"] = None
        headers.append(("If-Match", "17"))
        if operation.needs_key:
            changes["key"] = None
    return changes


def applies(operation: Operation, rule: str) -> bool:
    """Whether an operation can break a rule at all."""
    if rule == "visibility":
        return operation.missing is not None
    return operation.writes or rule not in ("headers", "body")


@pytest.mark.parametrize(
    ("operation", "rule"),
    [pytest.param(each, rule, id=f"{each} {rule}") for each in OPERATIONS for rule in RULES if applies(each, rule)],
)
async def test_the_first_broken_rule_answers(
    server: Server, customer: Customer, operation: Operation, rule: str
) -> None:
    ground = await operation.ground(server, customer)
    rules = RULES[RULES.index(rule) :]
    changes = broken_request(operation, rules, keyless=server.key(scopes=()))
    if rule == "method":
        operation = Operation("PUT", operation.path)

    response = await operation.send(customer, ground, **changes)

    if rule == "headers":
        error = refused(response, 400, "idempotency_key_required" if operation.needs_key else "bad_request")
        assert error["issues"] == []
    elif rule == "body":
        error = refused(response, 400, "bad_request")
        assert "noSuchField" in [issue["field"] for issue in error["issues"]]
    else:
        refused(response, *ANSWERS.get(rule, (404, operation.missing or "")))


@pytest.mark.parametrize("operation", POSTS, ids=str)
async def test_a_key_that_was_used_otherwise_is_judged_before_headers_and_body(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    key = fresh_key()
    assert (await operation.send(customer, ground, key=key)).is_success
    broken = {"version": None, "headers": [("If-Match", "17")], "json": {"noSuchField": 1}}

    response = await operation.send(customer, ground, key=key, **broken)

    refused(response, 409, "idempotency_key_reused")


@pytest.mark.parametrize("operation", VERSIONED, ids=str)
async def test_the_version_is_judged_before_the_status(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    await customer.cancel({"id": ground.authorization})

    stale = await operation.send(customer, ground, version=ground.version)
    present = await operation.send(customer, ground, version=ground.version + 1)

    error = refused(stale, 409, "version_conflict")
    assert error["details"] == {"expectedVersion": ground.version, "actualVersion": ground.version + 1}
    refused(present, 409, NOT_NOW.get(operation, "prior_authorization_not_mutable"))


async def test_the_status_is_judged_before_the_content(customer: Customer) -> None:
    ground = await prepared(customer)
    canceled = await customer.cancel({"id": ground.authorization})
    version = canceled["version"]

    answered = await ANSWER.send(customer, ground, version=version, json=said("no.such.item", valueString="x"))
    attached = await ATTACH.send(
        customer, ground, version=version, json={"fileId": "file_0", "documentTypes": ["clinical_notes"]}
    )
    confirmed = await CONFIRM.send(customer, ground, version=version, json={"nextActionId": "nact_0"})

    refused(answered, 409, "prior_authorization_not_mutable")
    refused(attached, 409, "prior_authorization_not_mutable")
    refused(confirmed, 409, "prior_authorization_not_confirmable")


async def test_an_attachment_that_is_not_there_is_judged_before_the_version(customer: Customer) -> None:
    ground = await prepared(customer)
    lost = f"{path({'id': ground.authorization}, 'attachments')}/att_0"

    refused(await DETACH.send(customer, ground, url=lost, version=999), 404, "attachment_not_found")


async def test_a_superseded_approval_is_judged_before_the_version_and_the_status(
    server: Server, customer: Customer
) -> None:
    case = await customer.confirm(await customer.ready())
    await server.pause_for_review(case["id"])
    reviewed = await customer.read(case)
    superseded = {"nextActionId": reviewed["nextAction"]["id"]}
    await customer.answer(reviewed, said("clinical.summary", valueString="Another summary."))

    stale = await customer.send("POST", path(case, "confirm"), version=1, json=superseded)
    await customer.cancel(case)
    over = await customer.send("POST", path(case, "confirm"), version=1, json=superseded)

    refused(stale, 409, "review_stale")
    refused(over, 409, "review_stale")


async def test_a_confirm_without_an_id_is_judged_as_its_body(customer: Customer) -> None:
    ground = await prepared(customer)

    for body in (b"", b"{}", b'{"nextActionId": null}'):
        response = await CONFIRM.send(
            customer, ground, version=1, content=body, headers=[("Content-Type", "application/json")]
        )
        refused(response, 409, "next_action_required")
    refused(await CONFIRM.send(customer, ground, version=None, json={}), 400, "bad_request")


async def test_a_create_is_judged_from_its_key_to_its_route(customer: Customer) -> None:
    body = create_body()
    unknown_payer = {**body["request"], "payerId": "no-such-plan"}
    no_route = {**body["request"], "coverageState": "NV"}
    no_login = {**body["request"], "coverageState": "CO"}
    malformed = create_body(providerNpi="1", request=unknown_payer, policy=None)

    refused(await customer.send("POST", CASES, json=malformed), 400, "idempotency_key_required")
    for code, status, changes in (
        ("final_submission_policy_required", 400, {"policy": None, "providerNpi": "1000000004"}),
        ("final_submission_policy_required", 400, {"policy": {}, "request": unknown_payer}),
        ("provider_not_found", 404, {"providerNpi": "1000000004", "request": unknown_payer}),
        ("payer_not_found", 404, {"request": unknown_payer}),
        ("unsupported_route", 409, {"request": no_route}),
        ("unsupported_route", 409, {"portalAuthMode": "customer_login", "request": no_login}),
    ):
        headers = [("Idempotency-Key", fresh_key())]
        response = await customer.send("POST", CASES, json=create_body(**changes), headers=headers)
        refused(response, status, code)
    assert [each async for each in customer.entries(CASES)] == []


async def test_cancel_judges_a_version_only_when_it_is_sent(customer: Customer) -> None:
    ground = await prepared(customer)

    refused(await CANCEL.send(customer, ground, version=1), 409, "version_conflict")
    assert (await CANCEL.send(customer, ground)).is_success

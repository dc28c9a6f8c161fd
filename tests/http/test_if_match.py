"""Contract, section 3: If-Match: a change is made to the version that was read, or not at all."""

import pytest

from tests.http.customer import Customer, Json, path, refused
from tests.http.operations import CANCEL, CLOSES, MUTATIONS, TAKE_OVER, VERSIONED, Operation, prepared
from tests.http.server import Server

MALFORMED = {
    "weak, in small letters": ['w/"{version}"'],
    "weak and unquoted": ["W/{version}"],
    "unquoted": ["{version}"],
    "half quoted": ['"{version}'],
    "not a number": ['"latest"'],
    "negative": ['"-1"'],
    "a fraction": ['"1.0"'],
    "leading zeros": ['"0{version}"'],
    "space within": ['" {version}"'],
    "other digits": ['"\u0661"'],
    "a list": ['"1", "{version}"'],
    "a list of one twice": ['"{version}","{version}"'],
    "any": ["*"],
    "any, quoted": ['"*"'],
    "empty": [""],
    "empty, quoted": ['""'],
    "two headers": ['"{version}"', '"{version}"'],
    "much too long": ['"' + "9" * 5000 + '"'],
}


@pytest.mark.parametrize("operation", VERSIONED, ids=str)
async def test_a_malformed_if_match_is_refused_and_changes_nothing(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    before = await customer.everything({"id": ground.authorization})

    for name, values in MALFORMED.items():
        headers = [(b"If-Match", value.format(version=ground.version).encode()) for value in values]
        error = refused(await operation.send(customer, ground, version=None, headers=headers), 400, "bad_request")
        assert "If-Match" in error["message"], name

    assert await customer.everything({"id": ground.authorization}) == before


@pytest.mark.parametrize("operation", [each for each in VERSIONED if each.if_match], ids=str)
async def test_a_missing_if_match_is_refused_and_changes_nothing(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    before = await customer.everything({"id": ground.authorization})

    refused(await operation.send(customer, ground, version=None), 400, "bad_request")

    assert await customer.everything({"id": ground.authorization}) == before


@pytest.mark.parametrize("off_by", [-1, 1, 10**15])
@pytest.mark.parametrize("operation", VERSIONED, ids=str)
async def test_another_version_conflicts_and_changes_nothing(
    server: Server, customer: Customer, operation: Operation, off_by: int
) -> None:
    ground = await operation.ground(server, customer)
    before = await customer.everything({"id": ground.authorization})
    expected = ground.version + off_by

    response = await operation.send(customer, ground, version=expected)

    error = refused(response, 409, "version_conflict")
    assert error["details"] == {"expectedVersion": expected, "actualVersion": ground.version}
    assert error["retryable"] is False
    assert await customer.everything({"id": ground.authorization}) == before


@pytest.mark.parametrize("operation", MUTATIONS, ids=str)
async def test_the_present_version_is_taken_and_the_answer_names_the_next(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)

    response = await operation.send(customer, ground, version=ground.version)

    assert response.status_code == 200, response.text
    assert response.json()["version"] == ground.version + 1
    assert response.headers["ETag"] == f'"{ground.version + 1}"'
    read = await customer.get(path({"id": ground.authorization}))
    assert (read.content, read.headers["ETag"]) == (response.content, response.headers["ETag"])


@pytest.mark.parametrize("operation", [TAKE_OVER, *CLOSES], ids=str)
async def test_a_handoff_changes_the_present_version_of_its_case(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)

    response = await operation.send(customer, ground, version=ground.version)

    assert response.is_success, response.text
    assert (await customer.read({"id": ground.authorization}))["version"] == ground.version + 1


@pytest.mark.parametrize("operation", CLOSES, ids=str)
async def test_a_close_needs_no_if_match(server: Server, customer: Customer, operation: Operation) -> None:
    ground = await operation.ground(server, customer)

    assert (await operation.send(customer, ground)).json()["state"] == "closing"


async def test_cancel_needs_no_if_match(customer: Customer) -> None:
    ground = await prepared(customer)

    assert (await CANCEL.send(customer, ground)).json()["status"] == "canceled"


async def test_a_write_that_changes_nothing_succeeds_and_leaves_the_version(customer: Customer) -> None:
    case = await customer.create()
    before = await customer.everything(case)

    unchanged: list[list[Json]] = [[], case["questionnaireResponse"]["item"]]
    for items in unchanged:
        answered = await customer.answer(case, {"questionnaireResponse": {"item": items}})
        assert answered["version"] == case["version"]

    assert await customer.everything(case) == before


async def test_the_weak_form_that_a_compressing_proxy_makes_is_the_same_version(customer: Customer) -> None:
    case = await customer.ready()
    weak, stale = f'W/"{case["version"]}"', f'W/"{case["version"] + 1}"'

    refused(await customer.send("POST", path(case, "cancel"), headers=[("If-Match", stale)]), 409, "version_conflict")
    canceled = await customer.send("POST", path(case, "cancel"), headers=[("If-Match", weak)])

    assert canceled.json()["status"] == "canceled"

"""The payer's own review page on a snapshot: its content, and its picture."""

import pytest

from tests.http import moves
from tests.http.customer import Customer, Json, path, said
from tests.http.operations import PICTURE, REVIEW_PAGE
from tests.http.server import Server


@pytest.fixture
async def case(server: Server, customer: Customer) -> Json:
    """A case whose reviewer sees the payer's page."""
    advancing = await moves.processing(server, customer)
    await server.pause_for_review(advancing["id"], page=REVIEW_PAGE)
    return await customer.read(advancing)


async def test_snapshot_read_at_the_payer_shows_its_package(case: Json) -> None:
    assert case["submission"]["reviewSnapshot"]["package"] == {
        "fields": [
            {"label": "Member ID", "value": "LKS100000003"},
            {"label": "Units requested", "value": "1"},
        ],
        "documents": ["Clinical notes · notes.pdf"],
    }


async def test_review_image_is_served_to_its_key_and_never_cached(case: Json, customer: Customer) -> None:
    image = await customer.get(case["submission"]["reviewSnapshot"]["reviewImageUrl"])

    assert image.status_code == 200
    assert (image.headers["content-type"], image.content) == ("image/png", PICTURE)
    assert image.headers["cache-control"] == "no-store"


async def test_review_image_is_served_below_both_prefixes(case: Json, customer: Customer) -> None:
    url = case["submission"]["reviewSnapshot"]["reviewImageUrl"]

    image = await customer.get(url.replace("/v1/prior-authorizations/", "/v1/prior-auth/authorizations/"))

    assert image.content == PICTURE


async def test_review_image_of_another_organization_is_not_found(case: Json, server: Server) -> None:
    url = case["submission"]["reviewSnapshot"]["reviewImageUrl"]

    async with server.client(server.key("Another Clinic")) as stranger:
        answer = await stranger.get(url)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "prior_authorization_not_found")


async def test_review_image_of_an_unknown_snapshot_is_not_found(case: Json, customer: Customer) -> None:
    answer = await customer.get(path(case, "review-snapshots/rev_0/image"))

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "review_image_not_found")


async def test_snapshot_issued_by_a_write_has_neither_package_nor_image(case: Json, customer: Customer) -> None:
    image = case["submission"]["reviewSnapshot"]["reviewImageUrl"]

    written = await customer.answer(case, said("service.units", valueInteger=2))

    snapshot = written["submission"]["reviewSnapshot"]
    assert (snapshot["status"], snapshot["package"], snapshot["reviewImageUrl"]) == ("current", None, None)
    assert (await customer.get(image)).status_code == 404

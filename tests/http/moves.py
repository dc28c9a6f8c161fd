"""Cases brought to where the service and the payer have brought them."""

from datetime import UTC, date, datetime

from priorauth.domain.handoffs import OfferReason
from priorauth.domain.submissions import Decision, DenialReason, Outcome, PayerReceipt
from tests.http.customer import Customer, Json
from tests.http.server import Server

RECEIPT = PayerReceipt("LK-2026-0001", datetime(2026, 5, 22, 18, 30, 0, 123456, tzinfo=UTC), "portal")
APPROVAL = Decision(
    outcome=Outcome.APPROVED,
    decided_at=datetime(2026, 5, 23, 9, 0, tzinfo=UTC),
    authorization_number="A-7",
    effective_from=date(2026, 12, 3),
    effective_to=date(2027, 3, 3),
    approved_units=1,
    message="Approved as requested.",
)
DENIAL = Decision(
    outcome=Outcome.DENIED,
    decided_at=datetime(2026, 5, 23, 9, 0, tzinfo=UTC),
    denial_reason=DenialReason("MN-1", "Not medically necessary."),
)


async def processing(_server: Server, customer: Customer) -> Json:
    """The service has the case."""
    return await customer.confirm(await customer.ready())


async def under_review(server: Server, customer: Customer) -> Json:
    """The case waits for an approval."""
    case = await processing(server, customer)
    await server.pause_for_review(case["id"])
    return await customer.read(case)


async def offered(server: Server, customer: Customer, reason: OfferReason = OfferReason.SIGN_IN) -> Json:
    """Only a human can go on at the payer."""
    case = await processing(server, customer)
    await server.need_human(case["id"], reason)
    return await customer.read(case)


async def taken_over(server: Server, customer: Customer, reason: OfferReason = OfferReason.SIGN_IN) -> Json:
    """A human has the interaction with the payer."""
    case = await offered(server, customer, reason)
    await customer.take_over(case)
    return await customer.read(case)


async def waiting(server: Server, customer: Customer) -> Json:
    """The payer has the case."""
    case = await customer.confirm(await under_review(server, customer))
    await server.prove_receipt(case["id"], RECEIPT)
    return await customer.read(case)


async def approved(server: Server, customer: Customer) -> Json:
    """The payer said yes."""
    return await decided(server, customer, APPROVAL)


async def decided(server: Server, customer: Customer, decision: Decision) -> Json:
    """The payer said something."""
    case = await waiting(server, customer)
    await server.decide(case["id"], decision)
    return await customer.read(case)


async def canceled(_server: Server, customer: Customer) -> Json:
    """The customer wants the case no more."""
    return await customer.cancel(await customer.create())

"""Which credential a case takes, and which texts are secrets of one-time codes."""

from datetime import UTC, datetime
from itertools import permutations

import pytest

from priorauth.domain.credentials import (
    Credential,
    FaultyTotpSecret,
    most_specific,
    one_time_code,
    read_totp_secret,
)
from priorauth.domain.organizations import Environment
from tests.factories.moments import START

OURS, NPI = "org_ours", "1234567893"
# The secret of RFC 6238's appendix B, "12345678901234567890".
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def credential(name: str, *, organization_id: str | None = None, provider_npi: str | None = None) -> Credential:
    return Credential(
        id=name,
        environment=Environment.PRODUCTION,
        payer_id="larkspur-health",
        organization_id=organization_id,
        provider_npi=provider_npi,
        user_name="cedar",
        password="rosebud-17",
        totp_secret=SECRET,
        created_at=START,
    )


BY_SPECIFICITY = (
    credential("both", organization_id=OURS, provider_npi=NPI),
    credential("organization", organization_id=OURS),
    credential("provider", provider_npi=NPI),
    credential("everybody"),
)
OF_OTHERS = (
    credential("theirs", organization_id="org_theirs"),
    credential("theirs and ours", organization_id="org_theirs", provider_npi=NPI),
    credential("another provider", provider_npi="1000000004"),
    credential("ours for another provider", organization_id=OURS, provider_npi="1000000004"),
)


@pytest.mark.parametrize("there", range(1, 5))
def test_the_most_specific_credential_wins_in_whatever_order_they_come(there: int) -> None:
    best, *_ = left = BY_SPECIFICITY[-there:]
    for some in permutations((*left, OF_OTHERS[there - 1])):
        assert most_specific(some, organization_id=OURS, provider_npi=NPI) == best


def test_what_is_of_others_is_never_taken() -> None:
    assert most_specific(OF_OTHERS, organization_id=OURS, provider_npi=NPI) is None


def test_a_credential_never_shows_what_it_keeps_secret() -> None:
    for shown in (repr(BY_SPECIFICITY[0]), str(BY_SPECIFICITY), f"{BY_SPECIFICITY[0]}"):
        assert "rosebud" not in shown
        assert SECRET not in shown


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (SECRET, SECRET),
        ("gezd gnbv gy3t qojq gezd gnbv gy3t qojq", SECRET),
        ("GEZD-GNBV-GY3T-QOJQ", "GEZDGNBVGY3TQOJQ"),
        ("MFRGGZDFMZTWQ2LKNM======", "MFRGGZDFMZTWQ2LKNM"),
    ],
)
def test_a_secret_is_read_as_portals_show_it(text: str, secret: str) -> None:
    assert read_totp_secret(text) == secret


@pytest.mark.parametrize("text", ["", "123456", "GEZDGNBVGY3TQOJ", "no secret at all!", "GEZDGNBVGY3TQOJ1", "ÄÖÜ" * 8])
def test_another_text_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(FaultyTotpSecret, match="portal") as refused:
        read_totp_secret(text)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    ("at", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_codes_are_those_of_rfc_6238(at: int, code: str) -> None:
    assert one_time_code(SECRET, datetime.fromtimestamp(at, UTC)) == code

"""Codes, identifiers, routes, and which rules a service meets."""

from dataclasses import replace

import pytest

from priorauth.domain.catalog import (
    CodeSystem,
    PortalAuthMode,
    RequestType,
    ServiceCode,
    ServiceRequest,
    StatusChecks,
    is_npi,
)
from priorauth.domain.errors import UnsupportedRoute
from tests.factories import payers


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("1234567893", True),
        ("1234567890", False),
        ("3234567899", False),
        ("123456789", False),
        ("12345678931", False),
        ("1234567893\n", False),
        ("\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff13", False),
        ("", False),
    ],
)
def test_an_npi_has_its_check_digit(number: str, valid: bool) -> None:
    assert is_npi(number) is valid


@pytest.mark.parametrize(
    ("system", "code", "valid"),
    [
        (CodeSystem.HCPCS, "E0601", True),
        (CodeSystem.HCPCS, "J1745", True),
        (CodeSystem.HCPCS, "72148", False),
        (CodeSystem.HCPCS, "e0601", False),
        (CodeSystem.HCPCS, "W0601", False),
        (CodeSystem.CPT, "72148", True),
        (CodeSystem.CPT, "0042T", True),
        (CodeSystem.CPT, "1036F", True),
        (CodeSystem.CPT, "0001U", True),
        (CodeSystem.CPT, "0002M", True),
        (CodeSystem.CPT, "0001A", True),
        (CodeSystem.CPT, "7214", False),
        (CodeSystem.CPT, "0042X", False),
        (CodeSystem.CPT, "72148 ", False),
        (CodeSystem.NDC, "0002-7510-01", True),
        (CodeSystem.NDC, "50242-040-62", True),
        (CodeSystem.NDC, "60575-4112-1", True),
        (CodeSystem.NDC, "00002-7510-01", True),
        (CodeSystem.NDC, "000002-7510-01", True),
        (CodeSystem.NDC, "00002751001", True),
        (CodeSystem.NDC, "000002751001", True),
        (CodeSystem.NDC, "0002-751-01", False),
        (CodeSystem.NDC, "123456789", False),
    ],
)
def test_a_service_code_has_its_systems_form(system: CodeSystem, code: str, valid: bool) -> None:
    assert ServiceCode(system, code).is_well_formed is valid


PAYER = payers.larkspur()
REQUEST = payers.request(PAYER)


def test_a_request_takes_the_route_of_its_state_type_and_system() -> None:
    route = PAYER.route_for(REQUEST, PortalAuthMode.AUTOMATED)

    assert (route.channel, route.portal_auth_mode, route.label) == (
        "portal",
        PortalAuthMode.AUTOMATED,
        "Larkspur Provider Connection",
    )


@pytest.mark.parametrize(
    ("request_", "mode"),
    [
        pytest.param(replace(REQUEST, coverage_state="NY"), PortalAuthMode.AUTOMATED, id="state"),
        pytest.param(replace(REQUEST, request_type=RequestType.INPATIENT), PortalAuthMode.AUTOMATED, id="type"),
        pytest.param(
            replace(REQUEST, service_code=ServiceCode(CodeSystem.NDC, "0002-7510-01")),
            PortalAuthMode.AUTOMATED,
            id="system",
        ),
        pytest.param(replace(REQUEST, coverage_state="CO"), PortalAuthMode.CUSTOMER_LOGIN, id="mode"),
    ],
)
def test_where_no_route_leads_the_request_is_refused(request_: ServiceRequest, mode: PortalAuthMode) -> None:
    with pytest.raises(UnsupportedRoute):
        PAYER.route_for(request_, mode)


@pytest.mark.parametrize(
    ("system", "code", "title", "asked"),
    [
        (
            CodeSystem.CPT,
            "72148",
            "Magnetic resonance imaging of the lumbar spine",
            ["member", "request", "lumbar_imaging"],
        ),
        (
            CodeSystem.HCPCS,
            "E0601",
            "Continuous positive airway pressure device",
            ["member", "request", "sleep_apnea_device"],
        ),
        (CodeSystem.HCPCS, "72148", "Other outpatient service", ["member", "request"]),
        (CodeSystem.CPT, "99213", "Other outpatient service", ["member", "request"]),
    ],
)
def test_rules_that_name_a_code_come_before_those_for_all_others(
    system: CodeSystem, code: str, title: str, asked: list[str]
) -> None:
    request = payers.request(PAYER, code=code, system=system)

    assert PAYER.rules_for(request).title == title
    assert [questionnaire.id for questionnaire in PAYER.questionnaires_for(request)] == asked


def test_a_service_that_a_payer_has_no_rules_for_is_refused() -> None:
    with pytest.raises(UnsupportedRoute):
        PAYER.rules_for(replace(REQUEST, request_type=RequestType.INPATIENT))


def test_status_checks_grow_rarer_up_to_a_bound() -> None:
    checks = StatusChecks(first_after_seconds=10, growth=2, at_most_seconds=60)

    assert [checks.delay(done) for done in (0, 1, 2, 3, 10_000)] == [10, 20, 40, 60, 60]

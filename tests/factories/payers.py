"""Payers and providers: those of the sandbox, and small ones that ask just what a test is about."""

from collections.abc import Mapping
from typing import Any

from priorauth.domain.catalog import (
    CodeSystem,
    Payer,
    PortalAuthMode,
    PortalSettings,
    Provider,
    RequestType,
    RequiredDocument,
    Route,
    ServiceCode,
    ServiceRequest,
    ServiceRules,
)
from priorauth.domain.questionnaires import Item, Questionnaire
from priorauth.formats.payers import payer_of, provider_of
from priorauth.sandbox import catalog

NPI = "1234567893"


def payer_named(payer_id: str) -> Payer:
    """A payer of the sandbox, as a server reads it."""
    return payer_of(next(each for each in catalog.payers() if each["id"] == payer_id))


def larkspur() -> Payer:
    """The sandbox's first payer."""
    return payer_named("larkspur-health")


def clinic() -> Provider:
    """The sandbox's provider."""
    return provider_of(next(each for each in catalog.providers() if each["npi"] == NPI))


def request(payer: Payer, *, code: str = "72148", system: CodeSystem = CodeSystem.CPT) -> ServiceRequest:
    """An outpatient service in the payer's first state."""
    return ServiceRequest(payer.id, payer.supported_states[0], RequestType.OUTPATIENT, ServiceCode(system, code))


def request_of(body: Mapping[str, Any]) -> ServiceRequest:
    """The service that the body of a create asks for."""
    code = body["serviceCode"]
    return ServiceRequest(
        body["payerId"],
        body["coverageState"],
        RequestType(body["requestType"]),
        ServiceCode(CodeSystem(code["system"]), code["code"]),
    )


def payer_asking(*items: Item, documents: tuple[RequiredDocument, ...] = ()) -> Payer:
    """A payer with one questionnaire for every outpatient service."""
    return Payer(
        id="juniper-mutual",
        display_name="Juniper Mutual",
        supported_states=("TX",),
        supported_service_types=(RequestType.OUTPATIENT,),
        portal=PortalSettings("juniper"),
        routes=(
            Route("TX", RequestType.OUTPATIENT, (CodeSystem.CPT,), "portal", (PortalAuthMode.AUTOMATED,), "Juniper"),
        ),
        services=(ServiceRules(RequestType.OUTPATIENT, "Any service", ("only",), documents),),
        questionnaires=(Questionnaire("only", "All questions", items),),
    )

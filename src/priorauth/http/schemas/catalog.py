"""The catalog on the wire: providers, payers and routes."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from priorauth.domain.catalog import CODE_FORMS, NPI_FORM, CodeSystem, Payer, PortalAuthMode, RequestType, Route
from priorauth.http.schemas.base import Body, ListView, PageQuery, Query, ShortText, View

State = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="A state, two letters.", examples=["TX"])]
Npi = Annotated[
    ShortText,
    Field(
        description="The provider's National Provider Identifier: ten digits, the last of which checks the others.",
        examples=["1234567893"],
        json_schema_extra={"format": "npi", "pattern": NPI_FORM},
    ),
]


def _forms(schema: dict[str, Any]) -> None:
    """Say which form a code has in which system."""
    schema["allOf"] = [
        {
            "if": {"properties": {"system": {"const": system.value}}},
            "then": {"properties": {"code": {"pattern": f"^(?:{form.pattern})$"}}},
        }
        for system, form in CODE_FORMS.items()
    ]


class ServiceCodeBody(Body):
    """A coded service."""

    model_config = ConfigDict(json_schema_extra=_forms)

    system: CodeSystem = Field(description="The code system.")
    code: Annotated[str, StringConstraints(min_length=1, max_length=255)] = Field(
        description="The code as the system writes it.", examples=["72148"]
    )


class RequestBody(Body):
    """What is asked of whom."""

    payer_id: ShortText = Field(description="The payer's id.", examples=["larkspur-health"])
    coverage_state: State
    request_type: RequestType = Field(description="The setting in which the service is given.")
    service_code: ServiceCodeBody = Field(description="The service or drug.")


class ResolveBody(Body):
    """The provider and the request of a case that is to be created."""

    provider_npi: Npi
    request: RequestBody = Field(description="What is asked of whom.")
    portal_auth_mode: PortalAuthMode | None = Field(
        default=None, description="Who signs in at the portal; without it any way fits."
    )


class PayersQuery(PageQuery):
    """Which payers are wanted."""

    query: Annotated[str | None, Field(min_length=1, max_length=200)] = Field(
        default=None, description="A part of the payer's name, brand, alias or id; capitals do not count."
    )
    state: State | None = Field(default=None, description="Payers that cover this state, two letters.")


class RoutesQuery(Query):
    """Whose routes are wanted."""

    provider_npi: Npi


class ProviderView(View):
    """A clinic or practitioner on whose behalf cases are sent."""

    npi: str = Field(description="The National Provider Identifier, ten digits.", examples=["1234567893"])
    name: str = Field(description="The name as payers know it.")
    state: str | None = Field(description="The state of practice, two letters.", examples=["TX"])


class ProviderList(ListView[ProviderView]):
    """One page of providers, by NPI."""


class PayerView(View):
    """The health plan."""

    id: str = Field(description="The id that a case's request names.", examples=["larkspur-health"])
    display_name: str = Field(description="The name for people.")
    supported_states: list[str] = Field(description="The states of coverage that it takes cases for.")
    supported_service_types: list[RequestType] = Field(description="The request types that it takes.")
    aliases: list[str] = Field(description="Other names of the same plan.")
    status: str = Field(description="active, unless the plan takes no new cases.")
    brand: str | None = Field(description="The brand that it belongs to.")
    line_of_business: str | None = Field(description="commercial, medicare_advantage, medicaid, …")


class PayerList(ListView[PayerView]):
    """One page of payers, by id."""


class PayerServiceView(View):
    """Some services of a payer, which it wants the same for."""

    request_type: RequestType = Field(description="The setting in which the service is given.")
    title: str = Field(
        description="The services in words.", examples=["Magnetic resonance imaging of the lumbar spine"]
    )
    code_system: CodeSystem | None = Field(
        validation_alias="system", description="The codes' system; null for all other services of this request type."
    )
    codes: list[str] = Field(
        description="Single codes (`72148`), ranges (`70551..70553`) and beginnings (`J01*`). Empty for all other "
        "services of this request type.",
        examples=[["72148", "72149"]],
    )


class PayerServicesView(View):
    """The services for which a payer takes requests."""

    payer_id: str = Field(description="The payer.", examples=["larkspur-health"])
    data: list[PayerServiceView] = Field(description="The services, in the payer's order.")


class RouteOptionView(View):
    """One way to a payer, for one state and request type."""

    payer_id: str = Field(description="The payer.", examples=["larkspur-health"])
    payer_display_name: str = Field(description="The payer's name for people.", examples=["Larkspur Health Plan"])
    coverage_state: str = Field(description="The state of the coverage, two letters.", examples=["TX"])
    request_type: RequestType = Field(description="The setting in which the service is given.")
    supported_service_code_systems: list[CodeSystem] = Field(description="The code systems that it takes.")
    channel: str = Field(description="How the payer is reached.", examples=["portal"])
    portal_auth_modes: list[PortalAuthMode] = Field(description="Who may sign in at the portal.")
    label: str = Field(description="The way's name for people.", examples=["Larkspur Provider Connection"])


class RouteOptionsView(View):
    """The ways that are open to a provider."""

    provider_npi: str = Field(description="The provider.", examples=["1234567893"])
    options: list[RouteOptionView] = Field(description="The ways, by payer.")


def option_view(payer: Payer, route: Route) -> RouteOptionView:
    """Return a payer's route as a client sees it."""
    return RouteOptionView(
        payer_id=payer.id,
        payer_display_name=payer.display_name,
        coverage_state=route.coverage_state,
        request_type=route.request_type,
        supported_service_code_systems=list(route.service_code_systems),
        channel=route.channel,
        portal_auth_modes=list(route.portal_auth_modes),
        label=route.label,
    )

"""A case's questionnaire and answers as FHIR R4 resources."""

import json

from fastapi import APIRouter
from starlette.responses import Response

from priorauth.commands import authorizations as commands
from priorauth.domain.authorizations import Authorization, questionnaires_of
from priorauth.domain.errors import AuthorizationNotFound, BadRequest, Issue, NotMutable
from priorauth.domain.questionnaires import AnswerItem
from priorauth.formats.fhir import FhirFaults, Json
from priorauth.formats.fhir_questionnaires import questionnaire_resource
from priorauth.formats.fhir_responses import answers_of, response_resource
from priorauth.http.answers import Answer
from priorauth.http.bodies import FHIR_JSON
from priorauth.http.conditions import is_known
from priorauth.http.edge import PREFIX, AuthenticatedCall, Call, Writing, sees_authorization
from priorauth.http.operations import AuthorizationId, describes
from priorauth.http.routes.authorizations import rendered
from priorauth.http.schemas.authorizations import AuthorizationView
from priorauth.http.schemas.base import NoQuery
from priorauth.http.schemas.fhir import FhirQuestionnaire, FhirQuestionnaireResponse
from priorauth.store.transaction import Transaction

router = APIRouter(tags=["FHIR"])


@router.get(
    "/{authorization_id}/questionnaire.fhir",
    **describes(gives=FhirQuestionnaire, media_type=FHIR_JSON, not_modified=True, errors=(AuthorizationNotFound,)),
)
async def read_fhir_questionnaire(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """Read the questionnaire as a FHIR R4 Questionnaire: a group for each of its parts."""

    def query(tx: Transaction, _: NoQuery) -> Answer:
        case = tx.authorizations.require(call.caller, authorization_id)
        payer = tx.catalog.payer_version(case.payer_version)
        resource = questionnaire_resource(
            questionnaires_of(case, payer),
            url=_url(call, case),
            version=_version(case),
            title=f"{payer.display_name}: {payer.rules_for(case.request).title}",
            name="PriorAuthorizationQuestionnaire",
        )
        return _resource(call, case, resource)

    return await call.read(query, parameters=NoQuery, see=sees_authorization(authorization_id))


@router.get(
    "/{authorization_id}/questionnaire-response.fhir",
    **describes(
        gives=FhirQuestionnaireResponse, media_type=FHIR_JSON, not_modified=True, errors=(AuthorizationNotFound,)
    ),
)
async def read_fhir_response(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """Read the answers as a FHIR R4 QuestionnaireResponse."""

    def query(tx: Transaction, _: NoQuery) -> Answer:
        case = tx.authorizations.require(call.caller, authorization_id)
        resource = response_resource(
            questionnaires_of(case, tx.catalog.payer_version(case.payer_version)),
            case.answers,
            questionnaire_url=f"{_url(call, case)}|{_version(case)}",
            identifier=case.id,
            complete=not case.requirements.questions,
            authored=case.updated_at,
        )
        return _resource(call, case, resource)

    return await call.read(query, parameters=NoQuery, see=sees_authorization(authorization_id))


@router.patch(
    "/{authorization_id}/questionnaire-response.fhir",
    **describes(
        gives=AuthorizationView,
        takes=FhirQuestionnaireResponse,
        takes_type=FHIR_JSON,
        if_match=True,
        errors=(AuthorizationNotFound, NotMutable),
    ),
)
async def answer_with_fhir(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """Merge the answers of a FHIR R4 QuestionnaireResponse: its items are replaced, the others stay."""

    def run(writing: Writing[FhirQuestionnaireResponse]) -> Answer:
        seen = writing.tx.authorizations.require(writing.caller, authorization_id)
        case = commands.answer(
            writing.tx,
            writing.caller,
            writing.moment,
            authorization_id=authorization_id,
            expected_version=writing.expected_version,
            patch=_answers(writing.body.root, _url(call, seen)),
        )
        return rendered(call, writing.tx, case)

    return await call.write(
        run, body=FhirQuestionnaireResponse, see=sees_authorization(authorization_id), version_required=True
    )


def _answers(resource: Json, questionnaire_url: str) -> tuple[AnswerItem, ...]:
    try:
        return answers_of(resource, questionnaire_url=questionnaire_url)
    except FhirFaults as found:
        issues = tuple(Issue("invalid_resource", fault.message, fault.path) for fault in found.faults)
        raise BadRequest("The resource was not taken: each issue names a place in it.", issues=issues) from None


def _url(call: Call, case: Authorization) -> str:
    return f"{call.services.settings.public_base_url}{PREFIX}/{case.id}/questionnaire.fhir"


def _version(case: Authorization) -> str:
    # What the payer asked on the way makes another questionnaire of the same payer's version.
    return f"{case.payer_version}+{len(case.discovered)}" if case.discovered else case.payer_version


def _resource(call: Call, case: Authorization, resource: Json) -> Answer:
    if is_known(call.request, version=case.version):
        return Answer(b"", 304, case.version)
    body = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(body, version=case.version, media_type=FHIR_JSON)

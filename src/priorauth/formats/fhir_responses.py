"""Answers as FHIR R4 `QuestionnaireResponse` resources, there and back, unchanged."""

from collections.abc import Iterator
from datetime import UTC, datetime

from priorauth.domain.answers import shown
from priorauth.domain.questionnaires import Answer, AnswerItem, Item, Questionnaire, all_items
from priorauth.formats.fhir import WRAPPER, Json, Reading, valued

_ELEMENT = {"id", "extension", "modifierExtension"}
_RESOURCE = frozenset(
    _ELEMENT
    | {
        "resourceType",
        "meta",
        "implicitRules",
        "language",
        "text",
        "contained",
        "identifier",
        "basedOn",
        "partOf",
        "questionnaire",
        "status",
        "subject",
        "encounter",
        "authored",
        "author",
        "source",
        "item",
    }
)
_ITEM = frozenset(
    _ELEMENT
    | {
        "linkId",
        "definition",
        "text",
        "answer",
        "item",
    }
)
_ANSWER = frozenset(
    _ELEMENT
    | {
        "item",
    }
)


def response_resource(
    questionnaires: tuple[Questionnaire, ...],
    answers: tuple[AnswerItem, ...],
    *,
    questionnaire_url: str,
    identifier: str,
    complete: bool,
    authored: datetime,
) -> Json:
    """Return a case's answers as a response to the questionnaires' one resource."""
    items = {item.link_id: item for item in all_items(questionnaires)}
    groups = []
    for questionnaire in questionnaires:
        own = {item.link_id for item in questionnaire.item}
        given = [_item(each, items) for each in answers if each.link_id in own]
        if given:
            groups.append({"linkId": f"{WRAPPER}{questionnaire.id}", "text": questionnaire.title, "item": given})
    return {
        "resourceType": "QuestionnaireResponse",
        "identifier": {"system": "urn:priorauth:authorization", "value": identifier},
        "questionnaire": questionnaire_url,
        "status": "completed" if complete else "in-progress",
        "authored": authored.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **({"item": groups} if groups else {}),
    }


def answers_of(resource: object, *, questionnaire_url: str) -> tuple[AnswerItem, ...]:
    """Return the answers of a response to the resource at this URL. Raises FhirFaults with every reason.

    Whether the questionnaire has such items, and takes such values, is judged where answers are merged.
    """
    reading = _Responses()
    response = reading.resource(resource, "QuestionnaireResponse", _RESOURCE)
    referred = reading.text(response, "questionnaire", "")
    if referred is not None and referred.partition("|")[0] != questionnaire_url.partition("|")[0]:
        reading.refuse("questionnaire", "This response belongs to another questionnaire. Read questionnaire.fhir.")
    found = tuple(each for place, item in reading.objects(response, "item", "") for each in reading.item(item, place))
    reading.close()
    return found


def _item(answered: AnswerItem, items: dict[str, Item]) -> Json:
    item = items[answered.link_id]
    below = [_item(each, items) for each in answered.item]
    answers = [_answer(item, each) for each in answered.answer]
    if answers and below:
        # FHIR: what lies below a question lies below its answer.
        answers[0]["item"] = below
    exported: Json = {"linkId": answered.link_id}
    if answers:
        exported["answer"] = answers
    elif below:
        exported["item"] = below
    return exported


def _answer(item: Item, answer: Answer) -> Json:
    return valued(answer, display=shown(item, answer))


class _Responses(Reading):
    """Reads a QuestionnaireResponse."""

    def item(self, each: Json, path: str) -> Iterator[AnswerItem]:
        self.only(each, f"{path}.", _ITEM)
        link_id = self.text(each, "linkId", f"{path}.")
        if not link_id:
            self.refuse(f"{path}.linkId", "Name the item of the questionnaire.")
            return
        below = [found for where, item in self.objects(each, "item", f"{path}.") for found in self.item(item, where)]
        answers = []
        for where, answer in self.objects(each, "answer", f"{path}."):
            self.only(answer, f"{where}.", _ANSWER, value="value")
            answers.append(self.answer(answer, where))
            below += [
                found for there, item in self.objects(answer, "item", f"{where}.") for found in self.item(item, there)
            ]
        if link_id.startswith(WRAPPER):
            yield from below
        else:
            yield AnswerItem(link_id, tuple(given for given in answers if given is not None), tuple(below))

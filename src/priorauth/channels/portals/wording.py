"""How a portal words a case, as far as portals agree: an answer goes into the field of its label, all others into one.

Pure: knows no browser. What is filled and what is expected on the review page come from the same list.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from priorauth.channels.contract import Job, JobDocument
from priorauth.domain.answers import AnswerSet, answered, shown
from priorauth.domain.catalog import DocumentType, PortalField, Widget
from priorauth.domain.questionnaires import Concept, Item, ItemType, Value, all_items

# What the portal itself has asked has a linkId that begins so.
DISCOVERED = "payer."
_WIDGETS = {ItemType.CHOICE: Widget.SELECT, ItemType.BOOLEAN: Widget.RADIO}


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of the portal: what is put in, and what the review page shows for it."""

    label: str
    entered: str
    reviewed: str
    widget: Widget = Widget.TEXT
    link_id: str | None = None

    @property
    def is_discovered(self) -> bool:
        """Say whether the portal itself has asked for it, on an earlier way; it may not ask again."""
        return self.link_id is not None and self.link_id.startswith(DISCOVERED)


class JobWords:
    """What a job says, for a portal's words to be made of.

    `additional` is the label of the field that takes what has none of its own, `other_document` what the portal calls
    documents of any other type, `show_date` how it prints dates.
    """

    def __init__(
        self, job: Job, *, additional: str, other_document: DocumentType, show_date: Callable[[date], str]
    ) -> None:
        self._job = job
        self._additional = additional
        self._show_date = show_date
        self._answers = AnswerSet(job.answers)
        self._fields = {field.link_id: field for field in (*job.portal.fields, *_discovered(job))}
        self._types = {kind.code: kind.display for kind in (other_document, *job.portal.document_types)}
        self._other = self._types[other_document.code]
        self._by_concept: Mapping[Concept, Item] = {
            item.concept: item for item in all_items(job.questionnaires) if item.concept
        }

    @property
    def labels(self) -> frozenset[str]:
        """The labels of all fields that an answer of the case may go into."""
        return frozenset((self._additional, *(field.label for field in self._fields.values())))

    def entered(self, concept: Concept) -> str:
        """Return the answer to what has this meaning, as it is typed."""
        return shown(self._by_concept[concept], self._answers.of(self.link(concept))[0]).strip()

    def link(self, concept: Concept) -> str:
        """Return the linkId of what has this meaning."""
        return self._by_concept[concept].link_id

    def said(self, label: str, concept: Concept) -> Entry:
        """Return the entry of what has this meaning."""
        value, text = self._answers.of(self.link(concept))[0].value, self.entered(concept)
        return Entry(label, text, self._reviewed(value, text=text), link_id=self.link(concept))

    def further(self) -> Iterator[Entry]:
        """Yield the entries of all answers without a meaning of their own; last, in one, those without a field."""
        unplaced = []
        for place, question, said in answered(self._job.questionnaires, self._answers):
            field = self._fields.get(place.item.link_id)
            # Browsers trim what is typed and keep one kind of line break; the comparison must not stumble over it.
            text = said.replace("\r\n", "\n").replace("\r", "\n").strip()
            if field is not None:
                reviewed = self._reviewed(place.answer[0].value, text=text)
                yield Entry(field.label, text, reviewed, field.widget, place.item.link_id)
            elif place.item.concept is None:
                unplaced.append(f"{question} {text}")
        if unplaced:
            yield same(self._additional, "\n".join(unplaced))

    def documents(self) -> tuple[tuple[str, JobDocument], ...]:
        """Return what is uploaded: each document once for each of its types, under the portal's name of the type."""
        return tuple((kind, document) for document in self._job.documents for kind in self._kinds(document))

    def _kinds(self, document: JobDocument) -> Iterator[str]:
        return iter(dict.fromkeys(self._types.get(kind, self._other) for kind in document.document_types))

    def _reviewed(self, value: Value, *, text: str) -> str:
        return self._show_date(value) if isinstance(value, date) else text


def same(label: str, text: str, widget: Widget = Widget.TEXT, *, link: str | None = None) -> Entry:
    """Return an entry that the review page shows as it was put in."""
    return Entry(label, text, text, widget, link)


def document_line(*cells: str) -> str:
    """Return one document of the package as a line."""
    return " · ".join(cells)


def sent_name(document: JobDocument) -> str:
    """Return a document's name as a browser writes it into a form."""
    # https://html.spec.whatwg.org/#multipart-form-data
    return document.file_name.replace('"', "%22")


def _discovered(job: Job) -> Iterator[PortalField]:
    """Yield the fields of what the portal itself has asked: labelled as the questions are."""
    for item in all_items(job.questionnaires):
        if item.link_id.startswith(DISCOVERED):
            yield PortalField(item.link_id, item.text, _WIDGETS.get(item.type, Widget.TEXT))

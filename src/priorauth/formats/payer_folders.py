"""Reading a payer's folder: every fault with its file and line, and nothing of it taken while there is one."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from priorauth.domain.catalog import Payer
from priorauth.domain.questionnaires import Questionnaire
from priorauth.formats.faults import sentence
from priorauth.formats.fhir import FhirFaults, is_storable
from priorauth.formats.fhir_questionnaires import questionnaires_of
from priorauth.formats.payer_checks import Place, payer_faults
from priorauth.formats.payer_files import PayerFile, QuestionnaireFile
from priorauth.formats.payers import payer_of

_NAMES = ("payer.yaml", "payer.yml", "payer.json")
_LARGEST_BYTES = 4 * 1024 * 1024
# An alias counts as often as it is used: what it repeats is read again each time.
_DEEPEST, _MOST_PARTS, _MOST_DIGITS = 60, 200_000, 30


@dataclass(frozen=True, slots=True, order=True)
class FileFault:
    """What is wrong in a file, and on which line; lines are counted from one."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class FaultyFolder(Exception):
    """A folder that is no payer, with every reason."""

    def __init__(self, faults: tuple[FileFault, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


@dataclass(frozen=True, slots=True)
class PayerFolder:
    """A payer as its files describe it. `members` are the sandbox's alone, each as its portal takes them."""

    payer: Payer
    members: tuple[dict[str, Any], ...]


def read_folder(
    folder: Path, *, portals: frozenset[str], judge_member: Callable[[str, dict[str, Any]], str | None]
) -> PayerFolder:
    """Return the payer of a folder. Raises FaultyFolder.

    `portals` are the adapters that there are; `judge_member` says what is wrong with a simulated member of
    a portal, if anything.
    """
    reading = _Reading(folder)
    found = reading.folder(portals, judge_member)
    if found is None or reading.faults:
        raise FaultyFolder(tuple(sorted(set(reading.faults))))
    return found


class _Loader(yaml.SafeLoader):
    """YAML with JSON's types alone: no dates, no `yes`, no `0o7`."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _form, _first in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", list("-0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_form})$"), _first)


_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_TOO_DEEP = f"The file is nested more than {_DEEPEST} levels deep, or an alias leads back to itself."


class _Document:
    """One file: its data, and where each part of it stands."""

    def __init__(self, name: str, node: yaml.Node, data: Any) -> None:  # noqa: ANN401 - any JSON
        self.name = name
        self.data = data
        self._node = node
        self.items = dict(_items(node))

    def line(self, place: Place) -> int:
        """Return the line of a place, or of the nearest part around it that there is."""
        node = self._node
        line = node.start_mark.line
        for step in place:
            below = _below(node, step)
            if below is None:
                break
            line, node = below
        return line + 1


class _Reading:
    """Reads a folder and remembers each fault instead of stopping at the first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.faults: list[FileFault] = []

    def folder(
        self, portals: frozenset[str], judge_member: Callable[[str, dict[str, Any]], str | None]
    ) -> PayerFolder | None:
        name = next((each for each in _NAMES if (self._folder / each).is_file()), None)
        if name is None:
            self.faults.append(FileFault(_NAMES[0], 1, f"The folder has no {_NAMES[0]}. Write one."))
            return None
        document = self._document(name)
        file = document and self._shaped(document, PayerFile)
        if document is None or file is None:
            return None
        documents, sets = [document], list[Questionnaire]()
        for number, each in enumerate(document.data["questionnaires"]):
            if "file" in each:
                below = self._questionnaires(document, number, each)
                if below is not None:
                    documents.append(below[0])
                    sets += below[1]
        if self.faults:
            return None
        inline = [each for each in document.data["questionnaires"] if "file" not in each]
        payer = payer_of({**document.data, "questionnaires": inline})
        payer = replace(payer, questionnaires=(*payer.questionnaires, *sets))
        for fault in payer_faults(payer, portals=portals):
            self.faults.append(_located(fault.message, fault.place, fault.link_id, documents))
        members = [{"behaviour": {}, **each} for each in document.data.get("sandbox", {}).get("members", ())]
        for number, member in enumerate(members):
            problem = judge_member(payer.portal.id, member)
            if problem is not None:
                place = ("sandbox", "members", number)
                self.faults.append(FileFault(name, document.line(place), f"sandbox.members.{number}: {problem}."))
        return PayerFolder(payer, tuple(members))

    def _document(self, name: str) -> _Document | None:
        try:
            if (self._folder / name).stat().st_size > _LARGEST_BYTES:
                self.faults.append(FileFault(name, 1, f"The file has more than {_LARGEST_BYTES:,} bytes. Split it."))
                return None
            text = (self._folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            self.faults.append(FileFault(name, 1, f"The file cannot be read: {getattr(error, 'strerror', error)}."))
            return None
        try:
            loader = _Loader(text)
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            self.faults.append(FileFault(name, line, "The file has a control character. Leave it out."))
            return None
        try:
            node = loader.get_single_node()
            if node is None:
                self.faults.append(FileFault(name, 1, "The file is empty."))
                return None
            unfit = [FileFault(name, line + 1, message) for line, message in _unfit(node)]
            if unfit:
                self.faults += unfit
                return None
            document = _Document(name, node, loader.construct_document(node))
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            self.faults.append(FileFault(name, line, f"This is neither YAML nor JSON: {error.problem}."))
            return None
        except RecursionError:
            self.faults.append(FileFault(name, 1, _TOO_DEEP))
            return None
        finally:
            loader.dispose()
        twice = list(_doubled(node))
        self.faults += [FileFault(name, line + 1, f"{key} is there twice. Keep one.") for key, line in twice]
        return None if twice else document

    def _shaped(self, document: _Document, shape: type[BaseModel]) -> BaseModel | None:
        try:
            # Strictly, as JSON is read: what a shape would turn into another type is not what is kept.
            return shape.model_validate_json(json.dumps(document.data), strict=True)
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                place = tuple(step for step in fault["loc"] if step not in ("FileReference", "QuestionnaireFile"))
                if _is_of_the_other_kind(document, fault["loc"]):
                    continue
                where = ".".join(map(str, place)) or "the file"
                message = f"{where}: {sentence(fault)}"
                self.faults.append(FileFault(document.name, document.line(place), message))
            return None

    def _questionnaires(
        self, payer: _Document, number: int, reference: Mapping[str, Any]
    ) -> tuple[_Document, tuple[Questionnaire, ...]] | None:
        name = str(reference["file"])
        place = ("questionnaires", number, "file")
        inside = (self._folder / name).resolve().is_relative_to(self._folder.resolve())
        if not inside or not (self._folder / name).is_file():
            self.faults.append(FileFault(payer.name, payer.line(place), f"There is no file {name} in the folder."))
            return None
        document = self._document(name)
        if document is None:
            return None
        if isinstance(document.data, dict) and "resourceType" in document.data:
            return self._fhir(document, reference.get("id"))
        if self._shaped(document, QuestionnaireFile) is None:
            return None
        one = payer_of({**_EMPTY, "questionnaires": [document.data]}).questionnaires
        return document, one

    def _fhir(self, document: _Document, given: str | None) -> tuple[_Document, tuple[Questionnaire, ...]] | None:
        try:
            found = questionnaires_of(document.data)
        except FhirFaults as refused:
            for fault in refused.faults:
                steps = re.findall(r"([A-Za-z]\w*)|\[(\d+)\]", fault.path.partition("(")[0])
                place = tuple(int(index) if index else name for name, index in steps)
                self.faults.append(FileFault(document.name, document.line(place), f"{fault.path}: {fault.message}"))
            return None
        if given is not None and len(found) == 1:
            found = (replace(found[0], id=given),)
        return document, found


_EMPTY: dict[str, Any] = {
    "id": "x",
    "displayName": "x",
    "supportedStates": [],
    "supportedServiceTypes": [],
    "portal": {"id": "x"},
    "routes": [],
    "services": [],
}


def _located(message: str, place: Place, link_id: str | None, documents: list[_Document]) -> FileFault:
    if link_id is not None:
        for document in documents:
            if link_id in document.items:
                return FileFault(document.name, document.items[link_id] + 1, f"{link_id}: {message}")
    return FileFault(documents[0].name, documents[0].line(place), message)


def _is_of_the_other_kind(document: _Document, loc: tuple[str | int, ...]) -> bool:
    """A questionnaire is a reference or the thing itself: only the faults of what it is meant to be are told."""
    if len(loc) < 3 or loc[0] != "questionnaires":
        return False
    entry = document.data["questionnaires"][loc[1]]
    meant = "FileReference" if isinstance(entry, dict) and "file" in entry else "QuestionnaireFile"
    return loc[2] != meant


def _unfit(root: yaml.Node) -> Iterator[tuple[int, str]]:
    """Yield what no payer has, with its line: texts that cannot be stored, numbers without bounds, endless nesting."""
    pending, parts = [(root, 0)], 0
    while pending:
        node, depth = pending.pop()
        parts += 1
        if depth > _DEEPEST:
            yield node.start_mark.line, _TOO_DEEP
            return
        if parts > _MOST_PARTS:
            yield node.start_mark.line, f"The file has more than {_MOST_PARTS:,} parts, counting what aliases repeat."
            return
        if isinstance(node, yaml.MappingNode):
            pending += [(each, depth + 1) for pair in node.value for each in pair]
        elif isinstance(node, yaml.SequenceNode):
            pending += [(each, depth + 1) for each in node.value]
        elif not is_storable(node.value):
            yield (
                node.start_mark.line,
                "The text has a character that cannot be stored: NUL, or half of a surrogate pair.",
            )
        elif node.tag in _NUMBERS and (len(node.value) > _MOST_DIGITS or not math.isfinite(float(node.value))):
            yield node.start_mark.line, "The number is too large, or has too many digits."


def _below(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        below = node.value[step]
        return below.start_mark.line, below
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == step), None)
    return None


def _items(node: yaml.Node) -> list[tuple[str, int]]:
    found = []
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "linkId" and any(other.value in ("type", "text") for other, _ in node.value):
                found.append((str(value.value), key.start_mark.line))
            found += _items(value)
    elif isinstance(node, yaml.SequenceNode):
        for below in node.value:
            found += _items(below)
    return found


def _doubled(node: yaml.Node) -> list[tuple[str, int]]:
    found = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                found.append((str(key.value), key.start_mark.line))
            seen.add(key.value)
            found += _doubled(value)
    elif isinstance(node, yaml.SequenceNode):
        for below in node.value:
            found += _doubled(below)
    return found

"""A payer's folder: what is wrong in it is told with file and line, all at once, and what is right is taken."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from priorauth.bootstrap.payers import read_payer
from priorauth.domain.catalog import CodeSystem, RequestType, ServiceCode, ServiceRequest
from priorauth.domain.errors import UnsupportedRoute
from priorauth.formats.payer_files import json_schema
from priorauth.formats.payer_folders import FaultyFolder
from priorauth.sandbox import catalog

SHIPPED = Path(catalog.__file__).parent / "payers"
FOLDERS = sorted(SHIPPED.iterdir())
TEXT = (SHIPPED / "tallgrass-community" / "payer.yaml").read_text(encoding="utf-8")


def faults(folder: Path, text: str, **others: str) -> list[tuple[str, int, str]]:
    """What is wrong with a folder of these files."""
    (folder / "payer.yaml").write_text(text, encoding="utf-8")
    for name, content in others.items():
        (folder / f"{name}.json").write_text(content, encoding="utf-8")
    with pytest.raises(FaultyFolder) as caught:
        read_payer(folder)
    return [(fault.file, fault.line, fault.message) for fault in caught.value.faults]


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_shipped_payer_is_in_order(folder: Path) -> None:
    found = read_payer(folder)

    assert found.payer.id == folder.name
    assert found.payer.id == "larkspur-health" or found.members


def test_they_are_different_and_ask_for_different_things() -> None:
    payers = [read_payer(folder).payer for folder in FOLDERS]
    asked = [{item.link_id for each in payer.questionnaires for item in each.item} for payer in payers]

    assert len(payers) >= 5
    assert {kind for payer in payers for kind in payer.supported_service_types} == set(RequestType)
    assert all(one - other for one in asked for other in asked if one is not other)


HL7 = "http://hl7.org/fhir/StructureDefinition/"
SETS = "[member, request, oxygen]"
OXIMETRY = 'operator: "=", answerCoding: {code: oximetry}'
SATURATION, PRESSURE = "linkId: oxygen.saturation", "linkId: oxygen.partialPressure"
GAS = "answerCoding: {code: blood_gas}}]}\n        notAllowed"
# What is written instead of what, the part of the file whose line is told, and a word of what is said.
SLIPS = [
    ("displayName:", "dispalyName:", "dispalyName", "no such field"),
    ("id: tallgrass-community", "id: Tallgrass!", "id: Tallgrass", "form"),
    ("supportedStates: [KS, TX]", "supportedStates: Kansas", "supportedStates", "list"),
    ("requestType: outpatient, service", "requestType: home, service", "requestType: home", "Use one of"),
    ("coverageState: KS", "coverageState: NY", "coverageState: NY", "supportedStates"),
    ("  id: larkspur", "  id: nobody", "  id: nobody", "no adapter"),
    ("  id: larkspur", "  id: larkspur\n  interstitials: ['/a/../b']", "interstitials", "form"),
    ("  id: larkspur", "  id: larkspur\n  interstitials: ['/terms.*']", "interstitials", "form"),
    ("linkId: equipment.need, label", "linkId: nothing, label", "linkId: nothing, label", "No questionnaire has"),
    ("type: lab_results, message", "type: xray, message", "type: xray, message", "documentTypes"),
    ('"K08*"', '"K08-*?"', '["K08', "no hcpcs code"),
    (SETS, "[member, oxygen]", "questionnaires: [member, oxygen]", "concept"),
    (SETS, "[member, request, air]", "questionnaires: [member, request, air]", "no questionnaire air"),
    (GAS, GAS.replace("blood_gas", "smoke"), PRESSURE, "no option smoke"),
    ("question: oxygen.tested", "question: oxygen.asked", SATURATION, "oxygen.asked"),
    (OXIMETRY, 'operator: "=", answerBoolean: true', SATURATION, "choice"),
    (OXIMETRY, OXIMETRY.replace("=", ">"), SATURATION, "cannot be compared"),
    ("min: 40\n        max: 100", "min: 100\n        max: 40", SATURATION, "min is greater"),
    ("TCP\\d{9}", "TCP(\\d{9}", "linkId: patient.memberId", "regular expression"),
    ('"1960-07-07"', '"long ago"', "- member: {memberId: TCP200000001", "dates"),
    ("aliases: [Tallgrass, TCP]", "aliases: [Tallgrass, TCP", "brand", "neither YAML nor JSON"),
    ("brand: Tallgrass", "brand: Tallgrass\nbrand: Twice", "brand: Twice", "twice"),
    ("brand: Tallgrass", 'brand: "Tall\\0grass"', "brand:", "cannot be stored"),
    ("brand: Tallgrass", 'brand: "\\uD800"', "brand:", "cannot be stored"),
    ("brand: Tallgrass", "brand: Tall\x01grass", "brand:", "control character"),
    ("brand: Tallgrass", f"brand: {'[' * 70}{']' * 70}", "brand:", "levels deep"),
    ("brand: Tallgrass", "brand: &a [*a]", "brand:", "back to itself"),
    ("min: 40", "min: true", "min: true", "Write a number"),
    ("min: 40", 'min: "40"', 'min: "40"', "Write a number"),
    ("min: 40", "min: 1e999", "min: 1e999", "too large"),
    ("min: 40", f"min: {'9' * 5000}", "min: 99", "too many digits"),
    ("min: 40\n        max: 100", "min: 3000000000", SATURATION, "lies beyond 2,147,483,647"),
    ("growth: 1.5", 'growth: "1.5"', "growth:", "Write a number"),
]


@pytest.mark.parametrize(("old", "new", "at", "says"), SLIPS)
def test_a_fault_is_told_with_its_line(tmp_path: Path, old: str, new: str, at: str, says: str) -> None:
    assert old in TEXT
    text = TEXT.replace(old, new, 1)

    found = faults(tmp_path, text)

    assert {name for name, _, _ in found} == {"payer.yaml"}
    lines = {line for _, line, message in found if re.search(says, message)}
    assert line_of(text, at) in lines, found


def test_what_aliases_repeat_is_counted(tmp_path: Path) -> None:
    bomb = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 10)}]" for i in range(8))

    found = faults(tmp_path, f"{TEXT}\n{bomb}\n")

    assert [message for _, _, message in found] == [
        "The file has more than 200,000 parts, counting what aliases repeat."
    ]


@pytest.mark.parametrize("text", ["[" * 100_000, f"{'[' * 3000}{']' * 3000}"])
def test_a_file_without_end_is_told(tmp_path: Path, text: str) -> None:
    ((name, line, message),) = faults(tmp_path, text)

    assert (name, line) == ("payer.yaml", 1)
    assert "levels deep" in message


def test_several_faults_are_told_at_once(tmp_path: Path) -> None:
    text = TEXT.replace("growth: 1.5", "growth: 0").replace("type: boolean, required: true}", "type: bool}", 1)

    found = faults(tmp_path, text)

    assert [line for _, line, _ in found] == sorted({line_of(text, "growth: 0"), line_of(text, "type: bool}")})


def test_faults_of_questionnaires_in_files_of_their_own_name_those_files(tmp_path: Path) -> None:
    more = "questionnaires:\n  - {file: a.json}\n  - {file: b.json, id: b}\n  - {file: c.json}\n"
    text = TEXT.replace("questionnaires:\n  - id: member", f"{more}  - id: member", 1)
    mine = json.dumps({"id": "a", "title": "A", "item": [{"linkId": "a.1", "type": "string"}]}, indent=1)
    fhir = json.dumps({"resourceType": "Questionnaire", "item": [{"linkId": "b", "type": "quantity"}]}, indent=1)

    found = faults(tmp_path, text, a=mine, b=fhir)

    assert ("a.json", line_of(mine, '"linkId"') - 1, "item.0.text: This is required. Add it.") in found
    assert [line for name, line, _ in found if name == "b.json"] == [line_of(fhir, '"type": "quant')]
    assert [line for name, line, _ in found if name == "payer.yaml"] == [line_of(text, "file: c.json")]


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({"maxLength": 0}, "at least 1"),
        ({"extension": [{"url": f"{HL7}minLength", "valueInteger": 20_001}]}, "minLength is at most 20,000"),
        (
            {"repeats": True, "extension": [{"url": f"{HL7}questionnaire-minOccurs", "valueInteger": 201}]},
            "at most 200",
        ),
        ({"type": "decimal", "extension": [{"url": f"{HL7}minValue", "valueDecimal": 1e16}]}, "lies beyond"),
        ({"type": "choice", "answerOption": [{"valueCoding": {"code": "x" * 2001}}]}, "2,000 characters at most"),
    ],
)
def test_a_question_that_no_answer_satisfies_is_told(tmp_path: Path, item: dict[str, Any], says: str) -> None:
    text = TEXT.replace("questionnaires:\n  - id: member", "questionnaires:\n  - {file: a.json}\n  - id: member", 1)
    asked = {"linkId": "a", "text": "A", "type": "string", **item}

    found = faults(tmp_path, text, a=json.dumps({"resourceType": "Questionnaire", "item": [asked]}))

    assert [message for name, _, message in found if name == "a.json" and says in message], found


def test_no_file_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}", encoding="utf-8")
    (tmp_path / "payer").mkdir()

    for name in ("../a.json", "x/../../a.json"):
        text = TEXT.replace("questionnaires:\n  - id: member", f"questionnaires:\n  - file: {name}\n  - id: member", 1)
        ((_, line, _),) = faults(tmp_path / "payer", text)
        assert line == line_of(text, f"file: {name}")


def test_an_empty_folder_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(FaultyFolder, match=r"payer.yaml:1: The folder has no payer.yaml"):
        read_payer(tmp_path)


def test_yaml_has_no_types_that_json_has_not(tmp_path: Path) -> None:
    text = TEXT.replace("displayName: Tallgrass Community Plan", "displayName: 2026-11-24", 1)
    (tmp_path / "payer.yaml").write_text(text.replace("brand: Tallgrass", "brand: no", 1), encoding="utf-8")

    payer = read_payer(tmp_path).payer

    assert (payer.display_name, payer.brand) == ("2026-11-24", "no")


def test_the_schema_describes_the_shipped_payers() -> None:
    schema = json_schema()
    shipped: list[dict[str, Any]] = [yaml.safe_load(next(folder.iterdir()).read_text("utf-8")) for folder in FOLDERS]

    assert {key for payer in shipped for key in payer} <= set(schema["properties"])
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("system", "code", "title"),
    [
        (CodeSystem.HCPCS, "K0823", "Power wheelchair"),
        (CodeSystem.HCPCS, "E0431", "Oxygen at home"),
        (CodeSystem.HCPCS, "E0445", "Other equipment"),
        (CodeSystem.HCPCS, "E1390", "Oxygen at home"),
    ],
)
def test_a_code_finds_its_service_by_name_family_or_last(system: CodeSystem, code: str, title: str) -> None:
    payer = read_payer(SHIPPED / "tallgrass-community").payer
    request = ServiceRequest(payer.id, "KS", RequestType.OUTPATIENT, ServiceCode(system, code))

    assert payer.rules_for(request).title == title


def test_a_code_of_no_family_is_no_route_where_there_is_no_last() -> None:
    payer = read_payer(SHIPPED / "harbor-imaging").payer
    request = ServiceRequest(payer.id, "TX", RequestType.OUTPATIENT, ServiceCode(CodeSystem.CPT, "70554"))

    with pytest.raises(UnsupportedRoute):
        payer.rules_for(request)


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "payer.yaml").write_text("a: " + "x" * 4 * 1024 * 1024)

    with pytest.raises(FaultyFolder, match=r"^payer.yaml:1: The file has more than"):
        read_payer(tmp_path)

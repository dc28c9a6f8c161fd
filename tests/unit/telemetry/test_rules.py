"""The example alerts ask for metrics that there are."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from priorauth.telemetry import families
from priorauth.telemetry.families import Kind

RULES = Path(__file__).parents[3] / "deploy" / "prometheus-rules.yaml"
SERIES = {
    f"{family.name}{ending}": family
    for family in families.EVERY
    for ending in (("_bucket", "_count", "_sum") if family.kind is Kind.HISTOGRAM else ("",))
}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_there_is_and_says_what_to_do(rule: dict[str, Any]) -> None:
    for name, _, matchers in re.findall(r"\b(priorauth_\w+)({([^}]*)})?", rule["expr"]):
        assert name in SERIES
        assert {each.partition("=")[0].strip() for each in matchers.split(",") if each} <= set(SERIES[name].labels)
    for by in re.findall(r"by \(([^)]*)\)", rule["expr"]):
        known = {label for family in SERIES.values() for label in family.labels} | {"le"}
        assert {each.strip() for each in by.split(",")} <= known
    assert set(rule["annotations"]) == {"summary", "description"}
    assert rule["labels"]["severity"] in ("page", "ticket")

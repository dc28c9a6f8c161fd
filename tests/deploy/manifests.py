"""What deploy/ ships, as tests read it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
Yaml = dict[str, Any]


def text_of(name: str) -> str:
    """Return a file of deploy/."""
    return (DEPLOY / name).read_text()


def texts() -> Iterator[tuple[str, str]]:
    """Yield every file of deploy/ that may be in a checkout, with its name."""
    for file in sorted(DEPLOY.rglob("*")):
        name = str(file.relative_to(DEPLOY))
        if file.is_file() and not name.startswith("secrets/") and name != ".env":
            yield name, file.read_text()


def compose() -> Yaml:
    """Return compose.yaml."""
    found: Yaml = yaml.safe_load(text_of("compose.yaml"))
    return found


def kubernetes() -> list[Yaml]:
    """Return every object of the manifests, kustomizations aside."""
    found = []
    for file in sorted((DEPLOY / "kubernetes").rglob("*.yaml")):
        if file.name != "kustomization.yaml":
            found += [each for each in yaml.safe_load_all(file.read_text()) if each]
    return found


def kustomizations() -> dict[str, Yaml]:
    """Return every kustomization by its folder."""
    folder = DEPLOY / "kubernetes"
    files = sorted(folder.rglob("kustomization.yaml"))
    return {str(file.parent.relative_to(folder)): yaml.safe_load(file.read_text()) for file in files}


def pods() -> dict[str, Yaml]:
    """Return the pod template of each component."""
    found = [each["spec"]["template"] for each in kubernetes() if each["kind"] in ("Deployment", "Job")]
    return {each["metadata"]["labels"]["app.kubernetes.io/component"]: each for each in found}


def container(component: str) -> Yaml:
    """Return the only container of a component's pod."""
    (found,) = pods()[component]["spec"]["containers"]
    result: Yaml = found
    return result


def units() -> dict[str, str]:
    """Return every systemd service by its file's name."""
    return {file.name: file.read_text() for file in sorted((DEPLOY / "systemd").glob("*.service"))}


def option(unit: str, name: str) -> list[str]:
    """Return every value that a unit gives to an option, in order."""
    return re.findall(rf"^{name}=(.*)$", units()[unit], flags=re.MULTILINE)


def environment(unit: str) -> dict[str, str]:
    """Return the variables that a unit sets."""
    return dict(each.split("=", 1) for line in option(unit, "Environment") for each in line.split())


def dockerfile(instruction: str) -> list[str]:
    """Return what the Dockerfile gives to each instruction of a kind, with its lines joined."""
    joined = re.sub(r"\\\n\s*", "", text_of("Dockerfile"))
    return re.findall(rf"^{instruction} (.*)$", joined, flags=re.MULTILINE)


def image_environment() -> dict[str, str]:
    """Return the variables that the image sets."""
    (line,) = dockerfile("ENV")
    return dict(re.findall(r"(\w+)=(\S+?)(?=\s*(?:[A-Z_]+=|$))", line))

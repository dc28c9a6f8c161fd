"""deploy/ is held to the code: every setting and command that it names exists, and its files agree with each other."""

import json
import re

import pytest
import typer

import priorauth
from priorauth.cli.main import app
from priorauth.settings import Settings
from tests.deploy.manifests import (
    Yaml,
    compose,
    container,
    dockerfile,
    environment,
    image_environment,
    kubernetes,
    kustomizations,
    option,
    pods,
    text_of,
    texts,
    units,
)

COMMANDS = {*typer.main.get_command(app).commands}  # type: ignore[attr-defined]
# Variables of compose.yaml and of Caddy, which no node reads.
NOT_OURS = {"PRIORAUTH_IMAGE", "PRIORAUTH_NODES", "PRIORAUTH_NODE_PORT", "PRIORAUTH_SITE"}
API, WORKER = 8080, 8090
SECRETS = {"priorauth_database_url", "priorauth_encryption_keys", "priorauth_server_key"}


@pytest.mark.parametrize(("name", "text"), [*texts()], ids=lambda value: value if len(value) < 60 else "")
def test_every_variable_is_a_setting(name: str, text: str) -> None:
    named = {*re.findall(r"PRIORAUTH_[A-Z][A-Z_]*[A-Z]", text)} - NOT_OURS
    known = {f"PRIORAUTH_{each.upper()}" for each in {*Settings.model_fields}}

    assert named <= known, f"{name} names what is no setting"


def test_every_command_exists() -> None:
    started = {each[0] for each in _compose_commands() if "exec" not in each[0]}
    started |= {container(component)["args"][0] for component in pods()}
    started |= {line.split()[1] for unit in units() for line in option(unit, "ExecStart")}
    started |= {json.loads(line)[0] for line in dockerfile("CMD")}
    started |= {found for each in _compose_commands() for found in re.findall(r"exec priorauth (\w+)", each[0])}

    assert started == {"api", "migrate", "sandbox", "serve", "worker"}
    assert started <= COMMANDS


def test_every_way_listens_where_the_others_ask() -> None:
    image = image_environment()
    services = {each["metadata"]["name"]: each["spec"]["ports"] for each in kubernetes() if each["kind"] == "Service"}
    exposed, proxied = services["priorauth-api"], compose()["services"]["proxy"]["environment"]["PRIORAUTH_NODE_PORT"]

    assert dockerfile("EXPOSE") == [str(API)]
    assert image["PRIORAUTH_PORT"] == str(API) == str(Settings.model_fields["port"].default)
    assert container("api")["ports"] == [{"name": "http", "containerPort": API}]
    assert exposed == [{"name": "http", "port": API, "targetPort": "http"}]
    assert proxied == str(API)
    assert f"{{$PRIORAUTH_NODE_PORT:{API}}}" in text_of("caddy/Caddyfile")
    assert f"server 127.0.0.1:{API} " in text_of("nginx/priorauth.conf")
    assert f"PRIORAUTH_PORT={API}\n" in text_of("systemd/priorauth.env.example")


def test_every_worker_listens_where_it_says() -> None:
    services = {each["metadata"]["name"]: each["spec"] for each in kubernetes() if each["kind"] == "Service"}
    given = {each["name"]: each.get("value") for each in container("worker")["env"]}
    composed = compose()["services"]["worker"]
    unit = environment("priorauth-worker@.service")

    assert container("worker")["ports"] == [{"name": "worker", "containerPort": WORKER}]
    assert services["priorauth-worker"]["ports"] == [{"name": "worker", "port": WORKER, "targetPort": "worker"}]
    assert services["priorauth-worker"]["clusterIP"] == "None"
    assert (given["PRIORAUTH_WORKER_PORT"], given["PRIORAUTH_WORKER_URL"]) == ("8090", "http://$(POD_IP):8090")
    assert composed["environment"]["PRIORAUTH_WORKER_PORT"] == str(WORKER)
    assert f"http://$$(hostname):{WORKER} " in composed["command"][0]
    assert composed["healthcheck"]["test"] == ["CMD", "priorauth-health", "/health", str(WORKER)]
    assert (unit["PRIORAUTH_WORKER_PORT"], unit["PRIORAUTH_WORKER_URL"]) == ("%i", "http://127.0.0.1:%i")


def test_every_manifest_starts_the_image_of_this_version() -> None:
    image = f"priorauth:{priorauth.__version__}"
    used = {each["image"] for name, each in compose()["services"].items() if name not in ("postgres", "proxy")}
    renamed = [each["images"] for folder, each in kustomizations().items() if "images" in each]

    assert used == {f"${{PRIORAUTH_IMAGE:-{image}}}"}
    assert f"PRIORAUTH_IMAGE={image}\n" in text_of(".env.example")
    assert f"--tag {image} ." in text_of("Dockerfile")
    assert {container(component)["image"] for component in pods()} == {"priorauth"}
    new_name = "registry.example.com/priorauth"
    assert renamed == 2 * [[{"name": "priorauth", "newName": new_name, "newTag": priorauth.__version__}]]


def test_no_secret_has_a_value() -> None:
    templates = [each for each in kubernetes() if each["kind"] == "Secret"]
    listed = {name for each in kustomizations().values() for name in each["resources"]}

    assert templates
    assert {value for each in templates for value in each["stringData"].values()} == {""}
    assert not any("secret" in name for name in listed), "it would replace what is there by nothing"
    assert {*templates[0]["stringData"]} == SECRETS
    for name, text in texts():
        assert not re.search(r"postgresql://\w+:(?!password@|%s@)", text), name
        assert not re.search(r"(KEY|KEYS|PASSWORD|SECRET|TOKEN|DATABASE_URL): *[\"']?[^\s\"'#]", text), name


def test_secrets_are_files_wherever_the_server_runs() -> None:
    services, known = compose()["services"], {*Settings.model_fields}
    files = {each["name"]: each for each in pods()["worker"]["spec"]["volumes"]}["secrets"]

    assert {name.removeprefix("priorauth_") for name in SECRETS} <= known
    for name in ("api", "migrate", "sandbox", "worker"):
        assert {*services[name]["secrets"]} == SECRETS
        assert services[name]["environment"]["PRIORAUTH_SECRETS_DIR"] == "/run/secrets"
    assert files["secret"]["secretName"] == "priorauth"
    for unit in units():
        assert option(unit, "LoadCredential") == ["priorauth:/etc/priorauth/secrets"]
        assert environment(unit)["PRIORAUTH_SECRETS_DIR"] == "%d"


@pytest.mark.parametrize("component", ["api", "worker"])
def test_nobody_is_killed_before_they_have_drained(component: str) -> None:
    unit = {"api": "priorauth-api.service", "worker": "priorauth-worker@.service"}[component]
    default = Settings.model_fields["shutdown_seconds"].default
    composed, pod = compose()["services"][component], pods()[component]["spec"]
    in_pod = {each["name"]: each.get("value") for each in container(component).get("env", [])}
    pause = container(component).get("lifecycle", {"preStop": {"sleep": {"seconds": 0}}})["preStop"]["sleep"]["seconds"]
    example = int(re.findall(r"PRIORAUTH_SHUTDOWN_SECONDS=(\d+)", text_of("systemd/priorauth.env.example"))[0])

    drains = int(composed["environment"].get("PRIORAUTH_SHUTDOWN_SECONDS", default))
    assert int(composed["stop_grace_period"].removesuffix("s")) >= drains + 15
    drains = int(in_pod.get("PRIORAUTH_SHUTDOWN_SECONDS", default))
    assert pod["terminationGracePeriodSeconds"] >= drains + pause + 15
    drains = int(environment(unit).get("PRIORAUTH_SHUTDOWN_SECONDS", example))
    assert int(option(unit, "TimeoutStopSec")[0]) >= drains + 15
    assert option(unit, "KillMode") == ["mixed"], "a SIGTERM to the browsers ends what is to be drained"


@pytest.mark.parametrize("component", [*pods()])
def test_every_pod_is_shut_off(component: str) -> None:
    pod, inside = pods()[component]["spec"], container(component)
    seccomp = {"type": "Localhost", "localhostProfile": "priorauth/chromium.json"}

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert dockerfile("USER") == [f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"]
    assert pod["securityContext"]["seccompProfile"] == (
        seccomp if component == "worker" else {"type": "RuntimeDefault"}
    )
    assert inside["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in inside["resources"]["limits"]


def test_every_container_of_ours_is_shut_off() -> None:
    services = compose()["services"]
    for name in ("api", "migrate", "sandbox", "worker"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in services[name]["security_opt"]
    assert "seccomp=./seccomp-chromium.json" in services["worker"]["security_opt"]
    assert [name for name, each in services.items() if "ports" in each] == ["proxy"]


def test_workers_are_reached_by_api_nodes_alone() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in kubernetes() if each["kind"] == "NetworkPolicy"}
    api = {"app.kubernetes.io/part-of": "priorauth", "app.kubernetes.io/component": "api"}
    worker = {**api, "app.kubernetes.io/component": "worker"}
    closed, private = policies["priorauth"], policies["priorauth-worker"]

    assert (closed["policyTypes"], closed.get("ingress")) == (["Ingress", "Egress"], None)
    assert private["podSelector"]["matchLabels"] == worker
    assert private["ingress"] == [
        {"from": [{"podSelector": {"matchLabels": api}}], "ports": [{"protocol": "TCP", "port": WORKER}]}
    ]
    outside = [each["ipBlock"] for rule in closed["egress"] for each in rule["to"] if "ipBlock" in each]
    assert "169.254.0.0/16" in outside[0]["except"], "a portal's page could ask what the machine is told of itself"
    for component in pods().values():
        assert _matches(closed["podSelector"], component)


def test_whatever_selects_pods_selects_some() -> None:
    for each in kubernetes():
        selector = each["spec"].get("selector") if each["kind"] in ("Deployment", "PodDisruptionBudget") else None
        if each["kind"] == "Service":
            selector = {"matchLabels": each["spec"]["selector"]}
        if selector is not None:
            chosen = [name for name, pod in pods().items() if _matches(selector, pod)]
            assert chosen == [each["metadata"]["name"].removeprefix("priorauth-")]


def test_the_browsers_seccomp_profile_adds_namespaces_and_nothing_else() -> None:
    profile = json.loads(text_of("seccomp-chromium.json"))
    free = {name for rule in profile["syscalls"] if "args" not in rule for name in _allowed(rule)}
    bound = {name: rule for rule in profile["syscalls"] if "args" in rule for name in _allowed(rule)}
    mount, cgroup, host_name, ipc = 0x00020000, 0x02000000, 0x04000000, 0x08000000

    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert not free & {"bpf", "io_uring_setup", "kexec_load", "keyctl", "mount", "open_by_handle_at", "perf_event_open"}
    assert not free & {"clone", "clone3", "unshare", "setns", "ptrace", "process_vm_readv", "userfaultfd", "pivot_root"}
    assert {"chroot", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"} <= free
    for name in ("clone", "unshare"):
        (condition,) = bound[name]["args"]
        assert (condition["value"], condition["valueTwo"]) == (mount | cgroup | host_name | ipc, 0)
        assert (condition["index"], condition["op"]) == (0, "SCMP_CMP_MASKED_EQ")


def test_whatever_starts_browsers_demands_that_they_are_kept_apart() -> None:
    demanded = {"PRIORAUTH_CHROMIUM_SANDBOX": "on", "PRIORAUTH_BROWSER_ISOLATION": "required"}

    assert demanded.items() <= image_environment().items()
    for unit in ("priorauth.service", "priorauth-worker@.service"):
        assert demanded.items() <= environment(unit).items()
        assert option(unit, "RestrictNamespaces") == ["user pid net"]
        assert option(unit, "Delegate") == ["memory pids"]
        assert option(unit, "ProtectControlGroups") == ["no"], "its own cgroup could not be written to"
        assert "landlock_restrict_self" in option(unit, "SystemCallFilter")[0].split()


def test_only_what_the_image_is_built_from_is_sent_to_the_build() -> None:
    lines = (line for line in _ignored() if not line.startswith("#"))
    assert next(lines) == "*"
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {word for line in dockerfile("COPY") for word in line.split()[:-1] if not word.startswith(("--", "/"))}

    assert kept == copied


def _ignored() -> list[str]:
    return text_of("../.dockerignore").splitlines()


def _compose_commands() -> list[list[str]]:
    return [each["command"] for each in compose()["services"].values() if "command" in each]


def _matches(selector: Yaml, pod: Yaml) -> bool:
    wanted: dict[str, str] = selector["matchLabels"]
    labels: dict[str, str] = pod["metadata"]["labels"]
    return wanted.items() <= labels.items()


def _allowed(rule: Yaml) -> list[str]:
    names: list[str] = rule["names"] if rule["action"] == "SCMP_ACT_ALLOW" else []
    return names

"""A production server from nothing, as the operator's guide has it: by its commands, to a receipt of a real portal."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from priorauth.sandbox import catalog
from tests.factories.servers import PROGRAM, Integrator, ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GUIDE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
ENVIRONMENT, CATALOG, CREDENTIAL, KEY, CHANGES, REMOVALS, ROTATION = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
ACCOUNT = next(each for each in catalog.PORTAL_ACCOUNTS["larkspur"] if each.totp_secret is not None)


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[str]:
    """A payer's portal as production meets it: somewhere else, run by somebody else. Its address."""
    command = [sys.executable, "-m", "priorauth.sandbox", "--data-dir", str(tmp_path / "payer")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield line.split()[-1]
        process.terminate()


class Operator:
    """Whoever follows the guide, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def write_payer(self, base_url: str | None) -> None:
        """Write the payer's folder, with the address of its portal."""
        payer = next(each for each in catalog.payers() if each["id"] == "larkspur-health")
        if base_url is not None:
            payer["portal"]["baseUrl"] = base_url
        (self.folder / payer["id"]).mkdir(exist_ok=True)
        (self.folder / payer["id"] / "payer.json").write_text(json.dumps(payer), encoding="utf-8")

    def follow(self, *blocks: str, **ids: str) -> str:
        """Run blocks of the guide; return what they print. Each of their commands must succeed."""
        script = "\n".join(("set -euo pipefail", ENVIRONMENT.replace("/srv/priorauth", str(self.data)), *blocks))
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env={**self._environment, **ids},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def listed(self, noun: str) -> list[dict[str, Any]]:
        """What `list` says of a noun."""
        rows: list[dict[str, Any]] = json.loads(self.follow(f"priorauth {noun} list --json"))
        return rows


@pytest.fixture
def operator(tmp_path: Path, portal: str) -> Operator:
    """An operator with a payer's files and the portal's secrets."""
    operator = Operator(tmp_path)
    operator.write_payer(portal)
    (tmp_path / "portal-secrets").write_text(f"{ACCOUNT.password}\n{ACCOUNT.totp_secret}\n", encoding="utf-8")
    return operator


@pytest.mark.timeout(300)
def test_the_guide_leads_from_nothing_to_a_receipt_and_through_every_change(operator: Operator, portal: str) -> None:
    printed = operator.follow(CATALOG, CREDENTIAL, KEY)
    assert ACCOUNT.user_name in printed
    assert not [secret for secret in (ACCOUNT.password, ACCOUNT.totp_secret) if str(secret) in printed]
    (credential,) = operator.listed("credentials")
    (key,) = operator.listed("keys")
    assert (credential["payer"], credential["totp"], credential["lastUsed"]) == ("larkspur-health", True, None)

    server = ServerProcess(operator.data, environment="production", fresh_starts=0).start()
    try:
        integrator = Integrator(server, (operator.folder / "api-key").read_text().strip())
        assert integrator.call("GET", "/v1/sandbox/portals").status_code == 404
        case = integrator.create("quickstart_receipt")
        received = integrator.drive(
            case, "quickstart_receipt", until=lambda each: each["status"] in ("waiting_on_payer", "completed")
        )[-1]
        assert received["status"] == "waiting_on_payer", received["statusReason"]
        taken = httpx.get(f"{portal}/sandbox/submissions", trust_env=False).json()["data"]
        assert [(each["caseReference"], each["referenceNumber"]) for each in taken] == [
            (case["id"], received["submission"]["payerReceipt"]["referenceNumber"])
        ]
        (used,) = operator.listed("credentials")
        assert used["lastUsed"] is not None

        (operator.folder / "portal-secrets").write_text(f"{ACCOUNT.password}\n", encoding="utf-8")
        operator.follow(CHANGES, CREDENTIAL=credential["id"], KEY=key["id"])
        assert (operator.folder / "api-key").read_text().strip().startswith("pa_production_")

        operator.follow(f"priorauth credentials remove {credential['id']}")
        lost = integrator.create("approved_automatic")
        end = integrator.drive(lost, "approved_automatic", until=lambda each: each["status"] == "completed")[-1]
        assert (end["outcome"], end["statusReason"]["code"]) == ("failed", "credential_missing")
        assert "priorauth credentials add --payer larkspur-health" in end["statusReason"]["message"]

        (operator.folder / "portal-secrets").write_text(f"{ACCOUNT.password}\n{ACCOUNT.totp_secret}\n")
        operator.follow(CREDENTIAL)
        (again,) = operator.listed("credentials")
        operator.follow(REMOVALS, CREDENTIAL=again["id"], KEY=key["id"])
        assert operator.listed("credentials") == []
        assert integrator.call("GET", "/v1/prior-authorizations").status_code == 401
    finally:
        assert server.stop() == 0
    assert "sealed with the new key" in operator.follow(ROTATION)


@pytest.mark.parametrize(
    ("base_url", "message"),
    [(None, "needs the address of its portal"), ("http://provider.example.com", "passwords in clear")],
)
def test_production_refuses_a_payer_whose_portal_it_may_not_meet(
    tmp_path: Path, base_url: str | None, message: str
) -> None:
    operator = Operator(tmp_path)
    operator.write_payer(base_url)
    command = [*PROGRAM, "payers", "add", str(tmp_path / "larkspur-health"), "--data-dir", str(operator.data)]

    done = subprocess.run([*command, "--environment", "production"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr

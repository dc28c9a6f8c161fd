"""The shipped nginx and Caddy configurations in front of a real server: a human acts in a session through them."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from priorauth.sandbox import catalog
from tests.deploy.proxied import Proxy, caddy, free_port, nginx
from tests.factories.humans import VERIFY, Human, human
from tests.factories.servers import Case, Integrator, ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MEBI = 1024 * 1024
PROXIES = {"nginx": nginx, "caddy": caddy}


@dataclass(frozen=True)
class Installation:
    """A server that clients reach through a proxy alone."""

    proxy: Proxy
    server: ServerProcess
    key: str

    def client(self, address: str = "127.0.0.1") -> httpx.Client:
        """Return a client of the proxy that comes from an address of this machine."""
        transport = httpx.HTTPTransport(verify=False, local_address=address)
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(transport=transport, base_url=self.proxy.url, headers=headers, timeout=40)


@pytest.fixture(scope="module", params=PROXIES)
def installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One server, and one proxy in front of it."""
    folder, node, port = tmp_path_factory.mktemp(request.param), free_port(), free_port()
    server = ServerProcess(folder / "data", port=node, public_base_url=f"https://127.0.0.1:{port}")
    with ExitStack() as stack:
        # First, so that one that is not installed skips before a server is started.
        proxy = stack.enter_context(PROXIES[request.param](folder, node=node, port=port))
        server.start()
        stack.callback(server.stop)
        server.url = f"http://127.0.0.1:{node}"
        yield Installation(proxy, server, server.new_key())


@pytest.fixture
def offered(installation: Installation) -> Case:
    """A case that waits for a human who has a one-time code."""
    integrator = Integrator(installation.server, installation.key, verify=False)
    created = integrator.create("handoff_mfa")
    return integrator.drive(created, "handoff_mfa", until=lambda case: bool(case["status"] == "requires_action"))[-1]


def test_a_human_acts_in_a_session_through_the_proxy(installation: Installation, offered: Case) -> None:
    integrator = Integrator(installation.server, installation.key, verify=False)
    taken = integrator.take_over(offered)
    grant = integrator.grant(taken)
    secret = grant["url"].rpartition(".")[2]
    scenario = catalog.scenario("handoff_mfa")
    assert scenario is not None
    assert grant["url"].startswith(f"{installation.proxy.url}/runtime/access/{grant['id']}.")

    with human() as nobody:
        browser = nobody.page.context.browser
        assert browser is not None
        somebody = Human(browser.new_page(viewport={"width": 1300, "height": 900}, ignore_https_errors=True))
        somebody.take_control(grant["url"])
        somebody.sees(VERIFY)
        somebody.enter_code(scenario.resolves["oneTimeCode"])
        somebody.sees("Member search")
    with installation.client("127.0.0.3") as elsewhere:
        spelled = grant["url"].replace("access", "%61ccess").replace(".", "%2E").replace("127%2E0%2E0%2E1", "127.0.0.1")
        for url in (grant["url"], spelled):
            forged = {"Accept": "application/json", "X-Forwarded-For": "198.51.100.1"}
            assert elsewhere.get(url, headers=forged).status_code == 200

    opened = [each["details"] for each in integrator.events(taken) if "networkAddress" in each["details"]]
    assert {each["networkAddress"] for each in opened} == {"127.0.0.1", "127.0.0.3"}
    logged = installation.proxy.logged()
    assert grant["id"] in logged
    assert secret not in logged


def test_a_request_waits_for_a_change_as_long_as_it_may(installation: Installation, offered: Case) -> None:
    path = f"/v1/prior-authorizations/{offered['id']}?afterVersion={offered['version']}&waitSeconds=3"
    with installation.client() as client:
        assert client.get(path).status_code == 304


@pytest.mark.parametrize(("size", "status"), [(25 * MEBI, 200), (25 * MEBI + 1, 413)])
def test_the_server_itself_judges_a_files_size(installation: Installation, size: int, status: int) -> None:
    declaration = {"fileName": "a.pdf", "contentType": "application/pdf", "purpose": "authorization_attachment"}
    with installation.client() as client:
        upload = client.post("/v1/files", json=declaration).json()["upload"]
        answer = client.put(upload["url"], content=bytes(size), headers=upload["headers"])

    assert answer.status_code == status
    refused: dict[str, Any] = answer.json().get("error", {})
    assert refused.get("code") == (None if status == 200 else "file_too_large")
    assert upload["url"].rpartition(".")[2] not in installation.proxy.logged()


def test_browsers_are_told_to_stay_with_tls(installation: Installation) -> None:
    with installation.client() as client:
        for path in ("/health", "/v1/prior-authorizations", "/nowhere"):
            assert "max-age=31536000" in client.get(path).headers["Strict-Transport-Security"]


def test_what_the_nodes_measure_is_not_for_everybody(installation: Installation) -> None:
    with installation.client() as client:
        answer = client.get("/metrics")

    assert answer.status_code == 404
    assert "Request-Id" not in answer.headers, "the node was asked"


@pytest.mark.parametrize("name", PROXIES)
def test_a_secret_address_is_not_logged_when_no_node_answers(name: str, tmp_path: Path) -> None:
    with PROXIES[name](tmp_path, node=free_port(), port=free_port()) as proxy:
        answer = httpx.get(f"{proxy.url}/runtime/access/rag_1.a-secret", verify=False, trust_env=False)

    assert answer.status_code in (502, 503, 504)
    assert "/runtime/access/rag_1" in proxy.logged()
    assert "a-secret" not in proxy.logged()

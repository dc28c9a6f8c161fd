"""Real reverse proxies over the configurations that are shipped: nothing changed in them but addresses and places."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.factories.servers import until

DEPLOY = Path(__file__).parents[2] / "deploy"

# What belongs to this machine, around a site that is shipped.
_AROUND_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True)
class Proxy:
    """A running proxy, and the files that it logs to."""

    url: str
    logs: tuple[Path, ...]

    def logged(self) -> str:
        """Return all that it has written of what went through it."""
        return "".join(log.read_text() for log in self.logs if log.exists())


def needed(program: str) -> str:
    """Return where a program is; without it the test is skipped, and says so."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed: nothing here has checked what deploy/ says to it")
    return found


def free_port() -> int:
    """Return a port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for this machine and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "priorauth.example.com")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    valid = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = valid.sign(key, hashes.SHA256())
    places = folder / "priorauth.pem", folder / "priorauth.key"
    places[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    places[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return places


def write_nginx(folder: Path, *, nodes: tuple[int, ...], port: int) -> Path:
    """Write the shipped site for nodes on this machine; return the configuration to start nginx with."""
    write_certificate(folder)
    site = (DEPLOY / "nginx" / "priorauth.conf").read_text()
    servers = "\n    ".join(f"server 127.0.0.1:{node} max_fails=1 fail_timeout=2s;" for node in nodes)
    for shipped, here in {
        "server 127.0.0.1:8080 max_fails=1 fail_timeout=2s;": servers,
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl;\n": "",
        "/etc/nginx/tls": str(folder),
        "/var/log/nginx": str(folder),
    }.items():
        assert shipped in site
        site = site.replace(shipped, here)
    (folder / "site.conf").write_text(site)
    configuration = folder / "nginx.conf"
    configuration.write_text(_AROUND_NGINX.format(folder=folder, user="user root;" if os.geteuid() == 0 else ""))
    return configuration


@contextmanager
def nginx(folder: Path, *, node: int, port: int) -> Iterator[Proxy]:
    """nginx before two nodes, of which the first is not there."""
    program = needed("nginx")
    configuration = write_nginx(folder, nodes=(free_port(), node), port=port)
    logs = tuple(folder / name for name in ("priorauth.access.log", "priorauth.error.log", "nginx.log"))
    with _running([program, "-p", str(folder), "-c", str(configuration)], folder, os.environ):
        yield _answering(Proxy(f"https://127.0.0.1:{port}", logs))


@contextmanager
def caddy(folder: Path, *, node: int, port: int) -> Iterator[Proxy]:
    """Caddy before the addresses that `localhost` has: where that is two, the first is not there."""
    program = needed("caddy")
    site = (DEPLOY / "caddy" / "Caddyfile").read_text()
    (folder / "Caddyfile").write_text(site.replace("admin off", f"admin off\n\thttp_port {free_port()}"))
    environment = {
        **os.environ,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "PRIORAUTH_SITE": f"https://127.0.0.1:{port}",
        "PRIORAUTH_NODES": "localhost",
        "PRIORAUTH_NODE_PORT": str(node),
    }
    command = [program, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with _running(command, folder, environment):
        yield _answering(Proxy(f"https://127.0.0.1:{port}", (folder / "proxy.log",)))


@contextmanager
def _running(command: list[str], folder: Path, environment: "os._Environ[str] | dict[str, str]") -> Iterator[None]:
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    with process:
        try:
            yield
        finally:
            process.terminate()


def _answering(proxy: Proxy) -> Proxy:
    def answers() -> bool:
        try:
            httpx.get(f"{proxy.url}/metrics", verify=False, trust_env=False)
        except httpx.TransportError:
            return False
        return True

    until(answers, seconds=20)
    return proxy

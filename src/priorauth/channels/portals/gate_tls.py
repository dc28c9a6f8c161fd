"""The certificates by which a browser lets its own gate read what it sends.

Promises: one key for each gate, made when the gate is made and gone with it; a certificate for any host, signed by that
key alone. No authority is created: nobody trusts these certificates but a browser that was told the key's pin.

May not know: sockets, requests, the portal's own certificate (verifying that is the upstream connection's business).
"""

import base64
import datetime as dt
import hashlib
import ipaddress
import secrets
import ssl
import tempfile
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

_CLOCK_SKEW: Final = dt.timedelta(days=1)
_LIFETIME: Final = dt.timedelta(days=90)


class EphemeralCertificates:
    """A key of this process's memory, and the server contexts made with it, one a host."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificates: dict[str, bytes] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}

    @property
    def spki_pin(self) -> str:
        """The key's pin as `--ignore-certificate-errors-spki-list` wants it: base64 of SHA-256."""
        public = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(public).digest()).decode()

    def certificate(self, host: str) -> bytes:
        """The certificate of a DNS name or an address, PEM."""
        if host not in self._certificates:
            self._certificates[host] = self._mint(host)
        return self._certificates[host]

    def server_context(self, host: str) -> ssl.SSLContext:
        """What a server needs to speak as this host, HTTP/1.1 only."""
        if host not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_alpn_protocols(["http/1.1"])
            self._load(context, self.certificate(host))
            self._contexts[host] = context
        return self._contexts[host]

    def _mint(self, host: str) -> bytes:
        now = dt.datetime.now(dt.UTC)
        name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "priorauth submit guard")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(now + _LIFETIME)
            .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(Encoding.PEM)

    def _load(self, context: ssl.SSLContext, certificate: bytes) -> None:
        # ssl reads keys from files alone. What touches the disk is encrypted with a password that never does.
        password = secrets.token_bytes(32).hex().encode()
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(key + certificate)
            file.flush()
            context.load_cert_chain(file.name, password=password)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return x509.DNSName(host)

"""Every setting of the server, in one class: read from `PRIORAUTH_…` variables, explained by `priorauth settings`."""

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import DirectoryPath, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from priorauth import faultpoints
from priorauth.domain.organizations import Environment

_PROXY: Final = re.compile(r"http://(?:[^:@/\s]*:[^@/\s]*@)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})/?")
_PREFIX = "PRIORAUTH_"
# What else begins so and is somebody's: of setup, of the compose file, of the browsers' launcher.
_NO_SETTINGS = re.compile(r"PRIORAUTH_(SETUP_BROWSER|SITE|IMAGE|NODES|NODE_PORT|LAUNCH_[A-Z_]+)")
_STORES = ("abfs", "abfss", "adl", "az", "azure", "file", "gs", "http", "https", "s3", "s3a")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


class Settings(BaseSettings):
    """The settings. Times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="PRIORAUTH_", extra="forbid")

    environment: Environment = Field(
        Environment.SANDBOX, description="sandbox meets simulated payers; production meets real ones."
    )
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    data_dir: Path = Field(
        Path("priorauth-data"),
        description="The folder of the database, the files and the keys. With SQLite, one server each.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="A PostgreSQL (postgresql://user:password@host/database) instead of the data folder's SQLite: for "
        "any number of API and worker nodes.",
    )
    database_connections: int = Field(
        8,
        gt=0,
        description="How many connections a node holds to PostgreSQL for its writes, and as many for its reads.",
    )
    encryption_keys: SecretStr | None = Field(
        None,
        description="The keys that patients' data are sealed with, instead of the data folder's data.key: "
        "32 bytes each in base64, apart by commas, newest first.",
    )
    server_key: SecretStr | None = Field(
        None,
        description="The secret behind the addresses of uploads and live views, instead of the data folder's "
        "server.key: 32 bytes in base64, the same for all nodes.",
    )
    files_url: str | None = Field(
        None,
        description="Where files lie, such as s3://bucket/prefix, with credentials in AWS_… variables; by default in "
        "the data folder.",
    )
    public_base_url: str | None = Field(
        None, description="The URL under which clients reach the server; by default the address that it listens on."
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1,::1",
        description="Which proxies tell from where a request really comes, in X-Forwarded-For: addresses and networks, "
        "apart by commas. Whoever else sends that header is not believed.",
    )
    secrets_dir: DirectoryPath | None = Field(
        None,
        description="A folder of files, each named like a variable in small letters: priorauth_encryption_keys. "
        "What they hold are settings, in no process's environment.",
    )
    automatic_submission_allowed: bool = Field(
        True, description="Whether a case may be created with policy.finalSubmission = automatic."
    )
    upload_seconds: int = Field(900, gt=0, description="How long an upload address takes bytes.")
    file_bytes_limit: int = Field(25 * 1024 * 1024, gt=0, description="The largest file.")
    stored_bytes_limit: int = Field(
        100 * 1024**3,
        ge=0,
        description="How many bytes of files an organization may have stored; 0 is no limit.",
    )
    refuse_active_content: bool = Field(
        False, description="Whether PDFs with scripts, launch actions or embedded files are refused, not only told."
    )
    scan_command: str = Field(
        "",
        description="A virus scanner: a command that gets a file's bytes and ends with 0 if they are clean, with 1 if "
        "not. For ClamAV: clamdscan --no-summary -",
    )
    idempotency_days: int = Field(30, gt=0, description="How many days an answer is kept under its idempotency key.")
    ended_work_days: int = Field(7, gt=0, description="How many days the engine's rows of ended work are kept.")
    ended_access_days: int = Field(
        90, gt=0, description="How many days access grants and views are kept, once their case has ended."
    )
    unused_upload_days: int = Field(
        7, gt=0, description="After how many days an upload that was not completed, or failed, is deleted."
    )
    unattached_file_days: int = Field(
        30, gt=0, description="After how many days a ready file that was never attached expires."
    )
    reads_per_minute: int = Field(12_000, ge=0, description="How often a key may read within a minute; 0 is no limit.")
    writes_per_minute: int = Field(6_000, ge=0, description="How often a key may write within a minute; 0 is no limit.")
    worker_host: str = Field("127.0.0.1", description="The private address on which a worker listens for API nodes.")
    worker_port: int = Field(0, ge=0, le=65535, description="The port of that address; 0 takes a free one.")
    worker_url: str | None = Field(
        None, description="Where API nodes reach this worker; by default the address that it listens on."
    )
    lease_seconds: float = Field(
        6, ge=2, description="How long a worker on PostgreSQL may be silent before others take its cases over."
    )
    concurrent_sessions: int = Field(4, gt=0, description="How many cases are worked on at once, a browser each.")
    concurrent_sessions_per_payer: int = Field(
        8, gt=0, description="How many cases of one payer are worked on at once, on all workers together."
    )
    concurrent_sessions_per_credential: int | None = Field(
        None,
        gt=0,
        description="How many sessions an account at a payer's portal may have at once, on all workers together, "
        "those that wait for a review or a human included. By default there is no bound.",
    )
    waiting_work_limit: int = Field(
        10_000, gt=0, description="How many cases may wait for a worker before confirms are asked to come later (503)."
    )
    review_hold_seconds: float = Field(
        900, ge=0, description="How long a browser session stays up while a review waits for its approval."
    )
    held_sessions: int = Field(
        8,
        ge=1,
        description="How many browsers stay up at most while reviews or humans wait; the oldest ends first, and one "
        "in which a human acts last.",
    )
    handoff_hold_seconds: float = Field(
        86_400, gt=0, description="How long a browser session that is offered to a human, or that one has, stays up."
    )
    handoff_abandoned_seconds: float = Field(
        1800, gt=0, description="After how long without fresh access a handoff ends by itself."
    )
    access_grant_seconds: int = Field(
        300, gt=0, description="How long an access grant to a live session can be opened, and its view goes on."
    )
    review_view_seconds: float | None = Field(
        None,
        gt=0,
        description="How long the address of a review (liveViewUrl) can be opened, and its view goes on; by default as "
        "long as PRIORAUTH_REVIEW_HOLD_SECONDS.",
    )
    live_frame_ancestors: str = Field(
        "'self'",
        pattern=r"^[^;,\x00-\x1f]+$",
        description="Whose pages may frame the live view, as Content-Security-Policy names them: "
        "'self' https://portal.example.org, or 'none'.",
    )
    egress_proxy: SecretStr | None = Field(
        None,
        description="The organization's outgoing proxy, through which payers' portals are reached and their names "
        "resolved: http://USER:PASSWORD@HOST:PORT. Addresses of this machine are reached without it.",
    )
    page_timeout_seconds: float = Field(15, gt=0, description="How long a portal's page may take.")
    fresh_starts: int = Field(
        8, ge=0, description="How often the work of a case is started again after faults, with growing delays."
    )
    outage_patience_seconds: float = Field(
        259_200, ge=0, description="For how long a case waits for a payer's portal that is down, before it fails."
    )
    sweep_seconds: float = Field(30, gt=0, description="How often open cases are checked for lost work.")
    queue_polling_seconds: float = Field(0.2, gt=0, description="How often the queue is looked at for new work.")
    shutdown_seconds: int = Field(10, ge=0, description="How long running work may go on after a request to stop.")
    chromium_path: Path | None = Field(None, description="The Chromium to use; by default one that is found.")
    chromium_sandbox: Literal["auto", "on", "off"] = Field(
        "auto", description="Chromium's own sandbox; auto keeps it wherever the machine allows it."
    )
    browser_isolation: Literal["auto", "required"] = Field(
        "auto",
        description="required refuses to start where browsers cannot have a network namespace each and be kept out of "
        "the data folder; auto uses what the machine allows. `priorauth doctor` shows what holds.",
    )
    browser_uid: int = Field(
        60600,
        ge=0,
        description="The first of 512 user ids that browsers get, one each, when the server was started as root; 0 "
        "starts them as root.",
    )
    browser_memory_mib: int = Field(
        1500, ge=256, description="How much memory a browser may use with all of its processes before it is ended."
    )
    screenshots_dir: Path | None = Field(
        None,
        description="A folder for pictures of the portal's pages. They show patients' data: "
        "for trying out, never for production.",
    )
    sandbox_host: str = Field("127.0.0.1", description="The address on which the simulated portals listen.")
    sandbox_portal_port: int = Field(
        0,
        ge=0,
        le=65532,
        description="The port of Larkspur, the first simulated portal, before those of the others; 0 takes free ones.",
    )
    sandbox_url: str | None = Field(
        None,
        description="Where Larkspur listens, when `priorauth sandbox` runs apart: http://host:port. The other portals "
        "are at the ports that follow.",
    )
    metrics_token: SecretStr | None = Field(
        None, description="What GET /metrics asks for as a bearer token; by default it answers everybody."
    )
    sandbox_failure_rate: float = Field(
        0.0, ge=0, le=1, description="The share of all requests at which the simulated portals fail."
    )
    sandbox_failure_seed: int = Field(0, description="What the simulated portals' failures are drawn from.")
    start_despite: str = Field(
        "",
        pattern=r"^((folder|address|screenshots)(,(folder|address|screenshots))*)?$",
        description="The checks of `priorauth doctor` whose faults production starts with nevertheless, apart by "
        "commas: folder, address, screenshots.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")
    faultpoints: str | None = Field(
        None,
        description="For tests: where the server shall die, fail or dawdle, such as "
        "submission_intended:before_commit:crash. Production refuses it.",
    )

    @property
    def review_seconds(self) -> float:
        """How long the address of a review can be opened."""
        return self.review_hold_seconds if self.review_view_seconds is None else self.review_view_seconds

    @field_validator("faultpoints")
    @classmethod
    def _for_tests_alone(cls, armed: str | None, info: ValidationInfo) -> str | None:
        if armed is None:
            return None
        if info.data.get("environment") is not Environment.SANDBOX:
            raise ValueError("this switch makes the server fail on purpose and exists in the sandbox only; unset it")
        if not armed.startswith("@"):
            faultpoints.read(armed)
        return armed

    @field_validator("egress_proxy")
    @classmethod
    def _is_a_proxy(cls, given: SecretStr | None) -> SecretStr | None:
        match = None if given is None else _PROXY.fullmatch(given.get_secret_value())
        if given is not None and (match is None or not 0 < int(match[2]) < 65536):
            # What came is not quoted: it may hold a password.
            raise ValueError("expected http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, percent-encoded")
        return given

    @field_validator("database_url")
    @classmethod
    def _names_a_postgresql(cls, given: SecretStr | None) -> SecretStr | None:
        if given is None:
            return None
        # What was given may hold a password, and is not repeated.
        wanted = "write postgresql://user:password@host/database, with %40 for an @ within the password"
        parts = _parts(given.get_secret_value(), wanted)
        if parts.scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
            raise ValueError(f"{parts.scheme or 'a text without a scheme'} is no PostgreSQL; {wanted}")
        if not parts.path.strip("/"):
            raise ValueError(f"it names no database; {wanted}")
        if "/" in parts.path.strip("/"):
            raise ValueError(f"{parts.path} is no database's name; {wanted}")
        return given

    @field_validator("files_url")
    @classmethod
    def _names_a_store(cls, given: str | None) -> str | None:
        if given is not None and _parts(given, "write s3://bucket/prefix").scheme not in _STORES:
            raise ValueError(
                "it names no object store; write s3://bucket/prefix, or unset it: files then lie in the data folder"
            )
        return given

    @field_validator("public_base_url", "worker_url", "sandbox_url")
    @classmethod
    def _is_of_the_web(cls, given: str | None) -> str | None:
        if given is None:
            return None
        parts = _parts(given, "write https://host")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{given} is no address of the web; write https://host")
        if parts.query or parts.fragment:
            raise ValueError(f"{given} goes on after its path; write https://host")
        return given

    @field_validator("host", "worker_host", "sandbox_host")
    @classmethod
    def _is_a_host(cls, given: str) -> str:
        try:
            ipaddress.ip_address(given)
        except ValueError:
            if _HOST.fullmatch(given) is None:
                raise ValueError(
                    f"{given!r} is no address to listen on; write one without scheme and port, such as 0.0.0.0"
                ) from None
        return given

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _are_networks(cls, given: str) -> str:
        for each in filter(None, (part.strip() for part in given.split(","))):
            # A proxy that is misspelt would be believed in nothing, and nobody would notice.
            ipaddress.ip_network(each)
        return given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the first that says anything: an argument, a variable, a file of `secrets_dir`."""
        folder = env_settings().get("secrets_dir")
        if folder is None or not Path(folder).is_dir():
            return init_settings, env_settings
        return init_settings, env_settings, SecretsSettingsSource(settings_cls, secrets_dir=folder)


def unknown_variables(given: Mapping[str, str] = os.environ) -> dict[str, list[str]]:
    """Return what is named like a setting and is none: variables, and files of `secrets_dir`.

    Args:
        given: The environment.

    Returns:
        Each name, with up to two settings that it nearly names.
    """
    known = [name.upper() for name in Settings.model_fields]
    folder = Path(given.get(f"{_PREFIX}SECRETS_DIR") or "/nonexistent")
    files = [each.name.upper() for each in folder.iterdir()] if folder.is_dir() else []
    named = sorted({name.upper() for name in (*given, *files) if name.upper().startswith(_PREFIX)})
    unknown = [name for name in named if name.removeprefix(_PREFIX) not in known and not _NO_SETTINGS.fullmatch(name)]
    return {name: [_PREFIX + near for near in _nearest(name.removeprefix(_PREFIX), known)] for name in unknown}


def _nearest(name: str, known: list[str]) -> list[str]:
    return difflib.get_close_matches(name, known, n=2, cutoff=0.66)


def _parts(url: str, wanted: str) -> SplitResult:
    """Return the parts of a URL. Raises ValueError, which says what is wanted, and repeats nothing of the URL."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(f"it is no URL, or its port is no number up to 65535; {wanted}") from None
    return parts

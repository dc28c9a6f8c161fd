"""Which Chromium is started for a portal, and with what arguments.

It promises a browser that was found and, by setup, proven to start; arguments under which it talks to nobody but the
portal; and Chromium's own sandbox wherever the machine allows it, with a warning where it does not. It knows nothing of
portals, sessions or proxies but the proxy's address, and it keeps no browser: whoever starts one owns it.

Setup and the server both use it, so that what setup proves is what the server starts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import structlog

from priorauth.domain.errors import UserFault

SandboxMode = Literal["auto", "on", "off"]

# The headless shell first: two to four times lighter than the full browser in start, page and memory.
KNOWN_NAMES: Final = (
    "chromium-headless-shell",
    "chrome-headless-shell",
    "headless_shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
KNOWN_PLACES: Final = (
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
)

# A cold start on a slow disk, an unpacking snap; a healthy one takes a tenth of a second.
_PROOF_SECONDS: Final = 30.0

# Chromium takes the last --disable-features alone, and ours comes after Playwright's: so its list is repeated here.
_PLAYWRIGHT_DISABLED_FEATURES: Final = (
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
# What speaks to others than the portal, remembers what was typed, or fetches a page that nobody opened.
_OWN_DISABLED_FEATURES: Final = (
    "AutofillServerCommunication",
    "CertificateTransparencyComponentUpdater",
    "DialMediaRouteProvider",
    "InterestFeedContentSuggestions",
    "LoadingPredictorUseOptimizationGuide",
    "NavigationPredictor",
    "OptimizationGuideModelDownloading",
    "OptimizationHintsFetching",
    "OptimizationTargetPrediction",
    "Prerender2",
    "Translate",
)
_QUIET_ARGUMENTS: Final = (
    # Plain TCP through the proxy or nothing: QUIC and WebRTC would speak UDP past it.
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--dns-prefetch-disable",
    "--disable-background-networking",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    "--safebrowsing-disable-auto-update",
    f"--disable-features={','.join(sorted({*_PLAYWRIGHT_DISABLED_FEATURES, *_OWN_DISABLED_FEATURES}))}",
)
# The proxy resolves names, and is itself an address. WebRTC would resolve those of its servers beside it.
_RESOLVE_NOTHING: Final = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.*"

_log = structlog.get_logger(__name__)


class ChromiumError(UserFault):
    """A browser could not be had as it was asked for."""


class ChromiumNotFoundError(ChromiumError):
    """No browser is where one was looked for."""


class ChromiumSandboxError(ChromiumError):
    """Chromium's sandbox was demanded and cannot be had."""


@dataclass(frozen=True, slots=True)
class SandboxDecision:
    """Whether Chromium's sandbox is kept, and why not."""

    enabled: bool
    reason: str


def installed_folder() -> Path:
    """The folder of this Python environment where setup keeps a browser of its own and the note of what it chose."""
    return Path(sys.prefix) / "chromium"


def candidates() -> list[Path]:
    """Every browser that this machine seems to have, best first; none of them was started."""
    found = [Path(place) for name in KNOWN_NAMES if (place := shutil.which(name))]
    found += [place for place in (*KNOWN_PLACES, installed_folder() / "browser") if _is_executable(place)]
    return found


def remember(executable: Path) -> None:
    """Note the browser that setup has proven, for `find_chromium` to prefer."""
    installed_folder().mkdir(parents=True, exist_ok=True)
    (installed_folder() / "chosen").write_text(f"{executable}\n", encoding="utf-8")


def find_chromium(explicit: Path | None = None) -> Path:
    """The browser to start: the one that was named, else the one that setup proved, else the best one there is.

    Raises:
        ChromiumNotFoundError: there is none; its text says what to do.
    """
    if explicit is not None:
        if _is_executable(explicit):
            return explicit
        message = f"The configured browser {explicit} does not exist or may not be executed by this user."
        raise ChromiumNotFoundError(message)
    note = installed_folder() / "chosen"
    if note.is_file() and _is_executable(chosen := Path(note.read_text(encoding="utf-8").strip())):
        return chosen
    for candidate in candidates():
        return candidate
    message = (
        "No Chromium was found. `make setup` installs one; or install your system's package"
        " (Debian: chromium-headless-shell or chromium), or set PRIORAUTH_CHROMIUM_PATH to a Chromium or Chrome."
    )
    raise ChromiumNotFoundError(message)


def starts(executable: Path, *, sandboxed: bool = False, timeout: float = _PROOF_SECONDS) -> bool:
    """Whether Playwright really starts this browser and it renders. It blocks, for a second when all is well.

    A file of the right name proves little: it may be a stub that asks for a package, or lack a library. Nor does
    Chromium's own `--dump-dom`: there are builds that hang on it and yet serve Playwright well.
    """
    command = [
        sys.executable,
        "-m",
        f"{__package__}.chromium_proof",
        str(executable),
        str(int(sandboxed)),
        str(timeout),
    ]
    try:
        # The proof ends the browser itself when time is up; this limit is for a driver that hangs.
        run = subprocess.run(
            [*command, *_QUIET_ARGUMENTS],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=2 * timeout + 20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0


def decide_sandbox(mode: SandboxMode, executable: Path) -> SandboxDecision:
    """Whether Chromium keeps its sandbox here. The first call for a browser may block for the time of one start.

    The browser itself is the probe: whether user namespaces are enough depends on the kernel, on what AppArmor says of
    this very file, and on whether a setuid helper lies beside it, which no smaller question answers.

    Raises:
        ChromiumSandboxError: `on` was asked for and is impossible.
    """
    if mode == "off":
        return SandboxDecision(enabled=False, reason="it was turned off by a setting")
    if _is_root():
        decision = SandboxDecision(enabled=False, reason="this user is root, for whom Chromium has no sandbox")
    elif _sandbox_works(executable):
        return SandboxDecision(enabled=True, reason="the machine allows it")
    else:
        decision = SandboxDecision(
            enabled=False, reason="the machine gives this user neither user namespaces nor Chromium's setuid helper"
        )
    if mode == "on":
        message = f"Chromium's sandbox is demanded but {decision.reason}. Run as an ordinary user that may create user"
        raise ChromiumSandboxError(f"{message} namespaces, or set the sandbox to auto.")
    return decision


def browser_arguments(*, proxy_server: str | None = None) -> list[str]:
    """Return the command line of every browser, but for its sandbox.

    Args:
        proxy_server: the only way out, such as `http://127.0.0.1:3128`; loopback addresses go through it too.
    """
    arguments = list(_QUIET_ARGUMENTS)
    if proxy_server is not None:
        # Chromium lets loopback past every proxy unless this odd rule takes its own exception back.
        arguments += [f"--proxy-server={proxy_server}", "--proxy-bypass-list=<-loopback>", _RESOLVE_NOTHING]
    return arguments


def launch_arguments(*, executable: Path, proxy_server: str | None = None, sandbox: SandboxMode = "auto") -> list[str]:
    """The command line for this browser, for Playwright's `args`.

    Playwright adds `--no-sandbox` unless it is told `chromium_sandbox=True`: pass it `keeps_sandbox(arguments)`.

    Args:
        executable: what `find_chromium` returned.
        proxy_server: the only way out, such as `http://127.0.0.1:3128`; loopback addresses go through it too.
        sandbox: `auto` keeps Chromium's sandbox where that works and else says so in the log.

    Raises:
        ChromiumSandboxError: `on` was asked for and is impossible.
    """
    arguments = browser_arguments(proxy_server=proxy_server)
    decision = decide_sandbox(sandbox, executable)
    if not decision.enabled:
        if sandbox == "auto":
            _warn_once(decision.reason)
        arguments.append("--no-sandbox")
    return arguments


def keeps_sandbox(arguments: list[str]) -> bool:
    """Whether these arguments leave Chromium's sandbox on: Playwright's `chromium_sandbox`."""
    return "--no-sandbox" not in arguments


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


@lru_cache(maxsize=8)
def _sandbox_works(executable: Path) -> bool:
    return starts(executable, sandboxed=True)


@lru_cache(maxsize=8)
def _warn_once(reason: str) -> None:
    _log.warning("chromium_sandbox_off", reason=reason, advice="run as an ordinary user with user namespaces")

#!/usr/bin/env python3
"""Lints deploy/ with tools that come from the lock: the Dockerfile, compose, Kubernetes' manifests and nginx.

What needs programs of the system (nginx, Caddy, systemd, kubectl) is checked by tests/deploy, which says so where they
are missing.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

DEPLOY = Path("deploy")
TOOLS = Path(sysconfig.get_path("scripts"))
# The oldest Kubernetes that the manifests are meant for, and the newest one whose schemas the tool brings.
KUBERNETES = ("1.34.0", "1.37.0")
# Not Kubernetes' own kinds: nothing here has a schema of them.
FOREIGN = {"kustomization.yaml", "service-monitor.yaml"}
# That a slow client ties up a node is the lesser evil: with a buffer, documents and answers land on nginx's disk.
GIXY_SKIPS = "proxy_buffering_off"


def checks() -> Iterator[list[str]]:
    """Yield the command of each check."""
    manifests = sorted((DEPLOY / "kubernetes").rglob("*.yaml"))
    yield ["hadolint", "--config", f"{DEPLOY}/.hadolint.yaml", f"{DEPLOY}/Dockerfile"]
    yield ["yamllint", "--strict", "--config-file", f"{DEPLOY}/.yamllint.yaml", str(DEPLOY)]
    yield ["check-jsonschema", "--quiet", "--builtin-schema", "vendor.compose-spec", f"{DEPLOY}/compose.yaml"]
    own = [str(file) for file in manifests if file.name not in FOREIGN]
    for version in KUBERNETES:
        yield ["kubernetes-validate", "--strict", "--quiet", "--kubernetes-version", version, *own]
    yield ["gixy", "--skips", GIXY_SKIPS, f"{DEPLOY}/nginx/priorauth.conf"]


def main() -> int:
    """Run every check; print what those say that fail, and return 1 when any does."""
    failed = False
    for name, *arguments in checks():
        run = subprocess.run([str(TOOLS / name), *arguments], check=False, capture_output=True, text=True)
        if run.returncode != 0:
            failed = True
            print(f"{name} {arguments[-1]}:\n{run.stdout}{run.stderr}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

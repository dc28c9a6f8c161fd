#!/bin/sh
# Makes .venv ready: an interpreter, the locked packages, this package and a browser. Says nothing when all of it is.
#
# A stamp holds what its step was done for. Content decides and not time: a clone or a copy of a checkout has new times,
# and a copied .venv still points to where it came from, so that its folder is part of the stamp.
set -eu
cd "$(dirname "$0")/.."

venv=$PWD/.venv
pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"
}
done_for() { # done_for STEP KEY
    [ -f "$venv/.done-$1" ] && [ "$(cat "$venv/.done-$1")" = "$2" ]
}
mark_done() { # mark_done STEP KEY
    printf '%s\n' "$2" >"$venv/.done-$1"
}

# An interpreter that was upgraded or removed under the environment takes it along.
if ! done_for venv "$venv" || ! "$venv/bin/python" -c '' 2>/dev/null; then
    python=$(scripts/find_python.sh)
    echo "setup: .venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
    mark_done venv "$venv"
fi

lock=$(cksum <requirements/dev.txt)
if ! done_for packages "$lock"; then
    echo "setup: packages of requirements/dev.txt (once; a minute or two)"
    pip install --require-hashes --requirement requirements/dev.txt
    mark_done packages "$lock"
fi

package=$(cksum <pyproject.toml)
if ! done_for package "$package"; then
    echo "setup: priorauth itself"
    pip install --no-deps --no-build-isolation --editable .
    mark_done package "$package"
fi

# Who names a way of getting a browser wants that one, though there may be another already.
if [ -n "${PRIORAUTH_SETUP_BROWSER:-}" ] || ! "$venv/bin/python" scripts/setup_chromium.py --check; then
    "$venv/bin/python" scripts/setup_chromium.py
fi

#!/bin/sh
# Writes requirements/*.txt: every package that setup installs, with the hashes of its published files and no address.
#
# Pins that still fit are kept; `make lock ARGS=--upgrade` takes the newest of everything.
# It runs uv from a place of its own, since uv is no part of what the project runs or tests with.
set -eu
cd "$(dirname "$0")/.."

python=$(scripts/find_python.sh)
tool=.tools/uv
if [ ! -x "$tool/bin/uv" ]; then
    "$python" -m venv "$tool"
    "$tool/bin/python" -m pip install --quiet --disable-pip-version-check uv
fi

compile() { # compile OUTPUT ARGUMENT...
    output=$1
    shift
    new=$(mktemp)
    if [ -s "$output" ]; then cp "$output" "$new"; fi
    # --no-config: a machine's own index or wheel folder must not leak in, neither as an address nor as a hash.
    "$tool/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-config --no-header --output-file "$new" "$@" >/dev/null
    if grep -nE '(https?|file|git\+[a-z]+)://' "$new" >&2; then
        echo "lock: $output would name an address" >&2
        exit 1
    fi
    { echo "# Written by 'make lock'. Do not edit."; grep -v "^# Written by" "$new"; } >"$output"
    rm -f "$new"
}

compile requirements/runtime.txt pyproject.toml "$@"
# The same versions as at run time, and the tools beside them.
compile requirements/dev.txt pyproject.toml --group dev --constraint requirements/runtime.txt "$@"
# What builds the image's package, in the versions that build it in a checkout.
compile requirements/build.txt --group build --constraint requirements/dev.txt "$@"

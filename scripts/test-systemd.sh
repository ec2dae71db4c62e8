#!/usr/bin/env bash
# The Debian package in a fresh Debian: lintian, install, boot with systemd and make backups under the units, remove, purge.
# Too slow for 'make test': a static build and a debootstrap.
#
#   $BACKUPCTL_TEST_TOOLS    a folder with mongodump; without it the run with mongodump is left out
#
# Needs root, debootstrap, systemd-nspawn, lintian and a network. The mirror is the first one of this machine's apt.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. .build/tools/env
scratch="$(mktemp -d .build/systemd.XXXXXX)"
scratch="$(realpath "$scratch")"
readonly root="$scratch/root" port=29719
mongod_pid=
trap '[ -z "$mongod_pid" ] || kill "$mongod_pid"; rm -rf "$scratch"' EXIT

inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }
# All but what apt and dpkg keep for themselves, and caches that other packages' triggers renew.
files() { (cd "$root" && find . -path ./proc -prune -o -path ./sys -prune -o -path ./dev -prune -o -path ./run -prune -o -path ./tmp -prune \
    -o -path ./var/cache -prune -o -path ./var/lib/apt -prune -o -path ./var/lib/dpkg -prune -o -path ./var/log -prune \
    -o -print | sort); }

package="$(scripts/dist.sh deb | tail -n 1)"
lintian --fail-on error,warning "$package"
mirror="$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v security | head -n 1)"
debootstrap --variant=minbase --include=systemd,dbus bookworm "$root" "$mirror" >"$scratch/log"
cp /etc/resolv.conf "$root/etc/resolv.conf"
needed="$(dpkg-deb -f "$package" Depends | tr ',' '\n' | sed 's/|.*//; s/([^)]*)//' | tr -s ' \n' ' ')"
# What the package needs is there before, so that what differs afterwards is the package's own.
inside apt-get update -q >>"$scratch/log"
inside apt-get install -y -q --no-install-recommends $needed tzdata >>"$scratch/log"
files >"$scratch/before"

cp "$package" "$root/tmp/backupctl.deb"
inside dpkg -i /tmp/backupctl.deb
mkdir "$scratch/db"
"$MONGOD" --dbpath "$scratch/db" --port "$port" --bind_ip 127.0.0.1 >"$scratch/mongod.log" &
mongod_pid=$!
"$PYTHON" -c "
import pymongo
orders = pymongo.MongoClient('mongodb://127.0.0.1:$port').shop.orders
orders.insert_many([{'number': number, 'text': 'x' * 200} for number in range(20000)])"
Tests/Deploy/boot_service.sh "$root" "mongodb://127.0.0.1:$port" "${BACKUPCTL_TEST_TOOLS:-}"

rm -rf "$root"/etc/systemd/system/{probe.service,multi-user.target.wants/probe.service} "$root"/opt/{probe,tools}
inside dpkg -r backupctl
[ -e "$root/etc/backupctl/credentials/orders" ] && [ -e "$root/var/lib/backupctl/catalog.sqlite" ]
inside dpkg -P backupctl
files >"$scratch/after"
diff "$scratch/before" "$scratch/after" | sed -n 's/^> \.//p' | grep -v '^/var/lib/backupctl' >"$scratch/left" || true
# What the boot itself made is not the package's.
grep -E 'backupctl' "$scratch/left" && { echo 'error: the package left files behind' >&2; exit 1; }
inside getent passwd backupctl >/dev/null
[ -e "$root/var/lib/backupctl/catalog.sqlite" ]
echo 'Installed, ran, removed and purged: what is left is /var/lib/backupctl and its user.'
sed 's/^/other new files: /' "$scratch/left" | head -n 20

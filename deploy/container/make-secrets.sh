#!/bin/sh
# Makes the secrets that compose.yaml reads, in the folder 'secrets' beside it, as root; what is there stays. Compose mounts them with
# owner and mode as they are here, so those of the daemon, whose group is 10001, are root's and for that group to read.

set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
chmod 711 secrets
random() { od -An -v -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }
make() { [ -s "secrets/$1" ] || printf '%s\n' "$2" >"secrets/$1"; }
make keyfile "$(random 300)"
for name in root backup restore metrics-token; do make "$name" "$(random 24)"; done
for user in backup restore; do
    make "$user-uri" "mongodb://$user:$(cat "secrets/$user")@mongo1,mongo2,mongo3/?replicaSet=rs0&authSource=admin"
done
for name in backup-uri restore-uri metrics-token; do
    chown 0:10001 "secrets/$name"
    chmod 440 "secrets/$name"
done

# What the container of the task 'restore' runs: backupctl with the words of 'aws ecs run-task', on the daemon's state.
# The daemon must not run meanwhile: on another host each takes the other's runs for dead, and SQLite's WAL has one host.
set -eu
umask 077
: "${BASE:=/var/lib/backupctl}"
mkdir -p "$BASE/state" "$BASE/tmp"
exec 9>"$BASE/one-task.lock"
flock -w "${LOCK_SECONDS:-150}" 9 || {
    echo 'error: the daemon or another task holds the state directory' >&2
    echo 'hint: set the desired count of the service to 0, and try again.' >&2
    exit 75
}
export BACKUPCTL_STATE_DIR="$BASE/state" TMPDIR="$BASE/tmp"
exec backupctl "$@"

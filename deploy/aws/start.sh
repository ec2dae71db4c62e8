# What the container runs: makes the job as the parameters of the stack have it, then becomes the daemon.
# Run at each start, so it does the same each time. Secrets come in the environment (ECS has no other way), are put
# into no argument, and the two that the daemon does not need leave the environment before it starts.
set -eu
umask 077
: "${BASE:=/var/lib/backupctl}"
mkdir -p "$BASE/state" "$BASE/tmp"
# The catalog is SQLite with a WAL, which is safe on NFS only while one host has it open. The lock is held as long as
# the daemon lives; it is NFS's own, so it holds between hosts too.
exec 9>"$BASE/one-task.lock"
flock -w "${LOCK_SECONDS:-150}" 9 || { echo 'error: another task holds the state directory' >&2; exit 75; }
encode() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g'; }
user="$(encode "$MONGODB_USER")"
password="$(encode "$MONGODB_PASSWORD")"
export BACKUPCTL_URI="$MONGODB_SCHEME://$user:$password@$MONGODB_HOST/$MONGODB_DATABASE?authSource=admin&tls=$MONGODB_TLS"
export BACKUPCTL_STATE_DIR="$BASE/state" TMPDIR="$BASE/tmp"
printf '%s\n' "$METRICS_TOKEN" >"$BASE/metrics-token"
unset MONGODB_PASSWORD METRICS_TOKEN password
verb=create
if backupctl job show "$JOB" >/dev/null 2>&1; then verb=edit; fi
backupctl job "$verb" "$JOB" --uri-env BACKUPCTL_URI --database "$MONGODB_DATABASE" --schedule "$SCHEDULE" \
    --time-zone "$TIME_ZONE" --keep-daily "$KEEP_DAILY" --keep-weekly "$KEEP_WEEKLY" --keep-monthly "$KEEP_MONTHLY"
exec backupctl daemon --log-format json --history 365d --listen "${LISTEN:-0.0.0.0:8484}" \
    --token-file "$BASE/metrics-token"

# Makes the job, or changes it to what job.env says. Run at each start.
set -eu
verb=create
if backupctl job show "$JOB" >/dev/null 2>&1; then verb=edit; fi
exec backupctl job "$verb" "$JOB" --uri-file /run/secrets/backupctl/uri --database "$MONGODB_DATABASE" \
    --schedule "$SCHEDULE" --time-zone "$TIME_ZONE" --timeout "$TIMEOUT" \
    --keep-daily "$KEEP_DAILY" --keep-weekly "$KEEP_WEEKLY" --keep-monthly "$KEEP_MONTHLY"

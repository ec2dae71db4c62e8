-- When a job runs by itself. Without 'schedule' the columns that belong to it are NULL as well.
ALTER TABLE job ADD COLUMN schedule TEXT CHECK (schedule <> '');
ALTER TABLE job ADD COLUMN schedule_set_at INTEGER
    CHECK (schedule_set_at >= 0 AND (schedule IS NULL) = (schedule_set_at IS NULL));
ALTER TABLE job ADD COLUMN catch_up_seconds INTEGER
    CHECK (catch_up_seconds >= 0 AND (schedule IS NULL) = (catch_up_seconds IS NULL));
ALTER TABLE job ADD COLUMN jitter_seconds INTEGER
    CHECK (jitter_seconds >= 0 AND (schedule IS NULL) = (jitter_seconds IS NULL));
ALTER TABLE job ADD COLUMN retries INTEGER CHECK (retries >= 0 AND (schedule IS NULL) = (retries IS NULL));
ALTER TABLE job ADD COLUMN resumed_at INTEGER CHECK (resumed_at >= 0);

-- Who asked for the end of a run that goes on; its owner hears of it with the next heartbeat.
ALTER TABLE run ADD COLUMN cancel_requested_by TEXT CHECK (cancel_requested_by <> '');

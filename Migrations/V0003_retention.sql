-- Retention: a job's policy and the zone whose days it counts, pins that end, sizes that a person accepted, the clock.

-- A JSON object of rules; NULL: everything is kept.
ALTER TABLE job ADD COLUMN retention TEXT CHECK (retention GLOB '{?*}');
ALTER TABLE job ADD COLUMN time_zone TEXT CHECK (time_zone <> '');

ALTER TABLE snapshot ADD COLUMN pin_until INTEGER CHECK (pin_until IS NULL OR (pin_until >= 0 AND pin_reason IS NOT NULL));
ALTER TABLE snapshot ADD COLUMN size_accepted_at INTEGER CHECK (size_accepted_at >= 0);

-- What the clock on the wall showed beside one that nobody sets; one row.
CREATE TABLE clock_reading (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL CHECK (at >= 0),
    boot TEXT NOT NULL CHECK (boot <> ''),
    uptime INTEGER NOT NULL CHECK (uptime >= 0),
    jumped_at INTEGER CHECK (jumped_at >= 0),
    digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

-- Runs go as old history only: one that is over, that explains no snapshot, and that ended before the time which the
-- newest event names. A job's newest attempt and its newest instant stay: pruning and schedules go by them.
DROP TRIGGER run_is_not_deleted;

CREATE TRIGGER run_is_deleted_as_history_only BEFORE DELETE ON run
WHEN OLD.state IN ('queued', 'running')
    OR EXISTS (SELECT 1 FROM snapshot WHERE run = OLD.id OR id = OLD.snapshot)
    OR (
        OLD.kind IN ('backup', 'import') AND NOT EXISTS (
            SELECT 1 FROM run AS later
            WHERE later.job = OLD.job AND (later.queued_at, later.id) > (OLD.queued_at, OLD.id)
                AND later.kind IN ('backup', 'import') AND later.state NOT IN ('missed', 'skipped')
        )
    )
    OR (
        OLD.scheduled_for IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM run AS later WHERE later.job = OLD.job AND later.scheduled_for > OLD.scheduled_for
        )
    )
    OR NOT EXISTS (
        SELECT 1 FROM event
        WHERE id = (SELECT max(id) FROM event) AND action = 'history-pruned'
            AND substr(detail, 1, 7) = 'before '
            AND strftime('%Y-%m-%dT%H:%M:%SZ', OLD.finished_at / 1000, 'unixepoch') < substr(detail, 8)
    )
BEGIN SELECT RAISE(ABORT, 'runs are deleted as old history only'); END;

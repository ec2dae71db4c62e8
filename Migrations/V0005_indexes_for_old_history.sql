-- What a daemon asks for again and again: the runs that ended before a time, and the deletions that were begun. Without
-- these a history of a million runs is read from end to end for each answer.
CREATE INDEX run_finished ON run (finished_at, queued_at, id) WHERE finished_at IS NOT NULL;
CREATE INDEX snapshot_deleting ON snapshot (created_at, id) WHERE state = 'deleting';

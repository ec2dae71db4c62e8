-- Times are milliseconds since 1970-01-01T00:00:00Z. 'digest' is the SHA-256 of the row's other values (RowDigest.swift);
-- NULLs do not enter it, so a later migration may add a column that may be NULL.

PRAGMA application_id = 1112228692; -- 'BKCT'

CREATE TABLE repository (
    name TEXT NOT NULL PRIMARY KEY
        CHECK (length(name) BETWEEN 1 AND 64 AND name GLOB '[a-z0-9]*' AND name NOT GLOB '*[^a-z0-9._-]*'),
    kind TEXT NOT NULL CHECK (kind <> '' AND kind NOT GLOB '*[^a-z0-9-]*'),
    location TEXT NOT NULL CHECK (location <> ''),
    repository_id TEXT NOT NULL UNIQUE CHECK (repository_id <> ''),
    created_at INTEGER NOT NULL CHECK (created_at >= 0),
    updated_at INTEGER NOT NULL CHECK (updated_at >= 0),
    digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

CREATE TABLE job (
    name TEXT NOT NULL PRIMARY KEY
        CHECK (length(name) BETWEEN 1 AND 64 AND name GLOB '[a-z0-9]*' AND name NOT GLOB '*[^a-z0-9._-]*'),
    -- 'stored' keeps what may be shown here; the secret lies in a file outside of the catalog.
    connection_kind TEXT NOT NULL CHECK (connection_kind IN ('literal', 'stored', 'file', 'environment')),
    connection TEXT NOT NULL CHECK (connection <> ''),
    scope_database TEXT CHECK (scope_database <> ''),
    scope_collection TEXT CHECK (scope_collection <> ''),
    include_patterns TEXT NOT NULL CHECK (include_patterns GLOB '[[]*]'),
    exclude_patterns TEXT NOT NULL CHECK (exclude_patterns GLOB '[[]*]'),
    with_users INTEGER NOT NULL CHECK (with_users IN (0, 1)),
    engine TEXT NOT NULL CHECK (engine <> ''),
    repository TEXT NOT NULL REFERENCES repository (name),
    allow_empty INTEGER NOT NULL CHECK (allow_empty IN (0, 1)),
    timeout_seconds INTEGER CHECK (timeout_seconds > 0),
    stall_timeout_seconds INTEGER NOT NULL CHECK (stall_timeout_seconds > 0),
    paused_at INTEGER CHECK (paused_at >= 0),
    created_at INTEGER NOT NULL CHECK (created_at >= 0),
    updated_at INTEGER NOT NULL CHECK (updated_at >= 0),
    digest BLOB NOT NULL CHECK (length(digest) = 32),

    CHECK (scope_collection IS NULL OR scope_database IS NOT NULL)
) STRICT;

CREATE INDEX job_repository ON job (repository);

-- 'job' is a name, not a reference: deleting a job keeps its history.
CREATE TABLE run (
    id TEXT NOT NULL PRIMARY KEY
        CHECK (
            length(id) = 21 AND substr(id, 1, 8) NOT GLOB '*[^0-9]*' AND substr(id, 9, 1) = 'T'
            AND substr(id, 10, 6) NOT GLOB '*[^0-9]*' AND substr(id, 16, 2) = 'Z-'
            AND substr(id, 18) NOT GLOB '*[^a-z0-9]*'
        ),
    kind TEXT NOT NULL CHECK (kind IN ('backup', 'restore', 'verify', 'prune', 'import')),
    job TEXT CHECK (job <> ''),
    trigger TEXT NOT NULL CHECK (trigger IN ('schedule', 'catch-up', 'manual', 'retry', 'api')),
    scheduled_for INTEGER CHECK (scheduled_for >= 0),
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    state TEXT NOT NULL
        CHECK (
            state IN (
                'queued', 'running', 'succeeded', 'partial', 'failed', 'cancelled', 'interrupted', 'missed', 'skipped'
            )
        ),
    queued_at INTEGER NOT NULL CHECK (queued_at >= 0),
    started_at INTEGER CHECK (started_at >= 0),
    finished_at INTEGER CHECK (finished_at >= 0),
    heartbeat_at INTEGER CHECK (heartbeat_at >= 0),
    owner_process INTEGER CHECK (owner_process > 0),
    owner_start_ticks INTEGER,
    owner_boot TEXT CHECK (owner_boot <> ''),
    engine_name TEXT CHECK (engine_name <> ''),
    engine_version TEXT,
    -- A name as well: the run stays when its snapshot is removed.
    snapshot TEXT CHECK (snapshot <> ''),
    documents INTEGER NOT NULL CHECK (documents >= 0),
    failed_documents INTEGER NOT NULL CHECK (failed_documents >= 0),
    namespaces INTEGER NOT NULL CHECK (namespaces >= 0),
    uncompressed_bytes INTEGER NOT NULL CHECK (uncompressed_bytes >= 0),
    stored_bytes INTEGER NOT NULL CHECK (stored_bytes >= 0),
    warnings TEXT NOT NULL CHECK (warnings GLOB '[[]*]'),
    error_code TEXT CHECK (error_code <> ''),
    error_message TEXT,
    error_hint TEXT,
    digest BLOB NOT NULL CHECK (length(digest) = 32),

    UNIQUE (job, scheduled_for, attempt),
    CHECK (kind <> 'backup' OR job IS NOT NULL),
    CHECK (trigger NOT IN ('schedule', 'catch-up') OR scheduled_for IS NOT NULL),
    CHECK ((state IN ('queued', 'running')) = (finished_at IS NULL)),
    CHECK (state NOT IN ('queued', 'missed', 'skipped') OR started_at IS NULL),
    CHECK (state NOT IN ('running', 'succeeded', 'partial') OR started_at IS NOT NULL),
    CHECK (state <> 'running' OR (heartbeat_at IS NOT NULL AND owner_process IS NOT NULL)),
    CHECK ((owner_process IS NULL) = (owner_start_ticks IS NULL)),
    CHECK ((owner_process IS NULL) = (owner_boot IS NULL)),
    CHECK ((engine_name IS NULL) = (engine_version IS NULL)),
    CHECK ((error_code IS NULL) = (error_message IS NULL)),
    CHECK (error_hint IS NULL OR error_code IS NOT NULL),
    CHECK (state <> 'failed' OR error_code IS NOT NULL),
    CHECK (state NOT IN ('queued', 'running', 'succeeded') OR error_code IS NULL),
    CHECK (state <> 'succeeded' OR failed_documents = 0),
    CHECK (kind NOT IN ('backup', 'import') OR state = 'succeeded' OR snapshot IS NULL)
) STRICT;

CREATE INDEX run_newest ON run (queued_at, id);
CREATE INDEX run_newest_of_job ON run (job, queued_at, id);
CREATE INDEX run_active ON run (queued_at, id) WHERE state IN ('queued', 'running');
CREATE UNIQUE INDEX run_one_running_backup ON run (job) WHERE kind = 'backup' AND state = 'running';

CREATE TABLE snapshot (
    id TEXT NOT NULL PRIMARY KEY CHECK (id <> '' AND id NOT GLOB '*[^A-Za-z0-9._-]*'),
    job TEXT NOT NULL CHECK (job <> ''),
    run TEXT NOT NULL UNIQUE REFERENCES run (id) DEFERRABLE INITIALLY DEFERRED,
    repository TEXT NOT NULL REFERENCES repository (name),
    created_at INTEGER NOT NULL CHECK (created_at >= 0),
    state TEXT NOT NULL CHECK (state IN ('good', 'damaged', 'missing', 'deleting')),
    engine_name TEXT NOT NULL CHECK (engine_name <> ''),
    engine_version TEXT NOT NULL,
    server_version TEXT,
    consistency TEXT NOT NULL CHECK (consistency IN ('point-in-time', 'snapshot', 'per-collection')),
    file TEXT NOT NULL CHECK (file <> ''),
    stored_bytes INTEGER NOT NULL CHECK (stored_bytes > 0),
    uncompressed_bytes INTEGER NOT NULL CHECK (uncompressed_bytes > 0),
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
    manifest_sha256 TEXT NOT NULL CHECK (length(manifest_sha256) = 64 AND manifest_sha256 NOT GLOB '*[^0-9a-f]*'),
    documents INTEGER NOT NULL CHECK (documents >= 0),
    namespace_count INTEGER NOT NULL CHECK (namespace_count >= 0),
    verified_at INTEGER CHECK (verified_at >= 0),
    pin_reason TEXT,
    digest BLOB NOT NULL CHECK (length(digest) = 32),

    UNIQUE (repository, file),
    CHECK (state <> 'deleting' OR pin_reason IS NULL)
) STRICT;

CREATE INDEX snapshot_newest ON snapshot (created_at, id);
CREATE INDEX snapshot_newest_of_job ON snapshot (job, created_at, id);
CREATE INDEX snapshot_newest_good_of_job ON snapshot (job, created_at, id) WHERE state = 'good';

CREATE TABLE snapshot_namespace (
    snapshot TEXT NOT NULL REFERENCES snapshot (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    position INTEGER NOT NULL CHECK (position >= 0),
    -- Empty for the oplog.
    database TEXT NOT NULL,
    collection TEXT NOT NULL CHECK (collection <> ''),
    type TEXT NOT NULL CHECK (type IN ('collection', 'view', 'timeseries', '')),
    documents INTEGER NOT NULL CHECK (documents >= 0),
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    crc64 TEXT NOT NULL CHECK (length(crc64) = 16 AND crc64 NOT GLOB '*[^0-9a-f]*'),
    indexes INTEGER NOT NULL CHECK (indexes >= 0),
    digest BLOB NOT NULL CHECK (length(digest) = 32),

    PRIMARY KEY (snapshot, position),
    UNIQUE (snapshot, database, collection)
) STRICT;

CREATE TABLE event (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL CHECK (at >= 0),
    actor TEXT NOT NULL CHECK (actor <> ''),
    action TEXT NOT NULL CHECK (action <> '' AND action NOT GLOB '*[^a-z-]*'),
    repository TEXT,
    job TEXT,
    run TEXT,
    snapshot TEXT,
    detail TEXT,
    digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

CREATE INDEX event_of_job ON event (job, id) WHERE job IS NOT NULL;

-- A history only grows, and what has ended does not change. The insert triggers are there because REPLACE deletes
-- without telling delete triggers.

CREATE TRIGGER event_is_not_replaced BEFORE INSERT ON event
WHEN EXISTS (SELECT 1 FROM event WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'events are not replaced'); END;

CREATE TRIGGER event_is_not_changed BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are not changed'); END;

CREATE TRIGGER event_is_not_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are not deleted'); END;

CREATE TRIGGER run_is_not_replaced BEFORE INSERT ON run
WHEN EXISTS (
    SELECT 1 FROM run
    WHERE id = NEW.id OR (job = NEW.job AND scheduled_for = NEW.scheduled_for AND attempt = NEW.attempt)
) OR (
    NEW.kind = 'backup' AND NEW.state = 'running'
    AND EXISTS (SELECT 1 FROM run WHERE job = NEW.job AND kind = 'backup' AND state = 'running')
)
BEGIN SELECT RAISE(ABORT, 'runs are not replaced'); END;

CREATE TRIGGER run_is_not_deleted BEFORE DELETE ON run
BEGIN SELECT RAISE(ABORT, 'runs are not deleted'); END;

CREATE TRIGGER run_keeps_its_end BEFORE UPDATE ON run
WHEN OLD.state NOT IN ('queued', 'running')
BEGIN SELECT RAISE(ABORT, 'a run that has ended does not change'); END;

CREATE TRIGGER run_keeps_its_identity BEFORE UPDATE OF id, kind, job, trigger, scheduled_for, attempt, queued_at ON run
BEGIN SELECT RAISE(ABORT, 'a run keeps its identity'); END;

CREATE TRIGGER run_does_not_replace_another BEFORE UPDATE OF state ON run
WHEN OLD.state <> 'running' AND NEW.state = 'running' AND NEW.kind = 'backup'
    AND EXISTS (SELECT 1 FROM run WHERE job = NEW.job AND kind = 'backup' AND state = 'running')
BEGIN SELECT RAISE(ABORT, 'a backup of this job is running'); END;

CREATE TRIGGER run_keeps_its_owner BEFORE UPDATE ON run
WHEN OLD.state = 'running' AND (
    NEW.owner_process IS NOT OLD.owner_process OR NEW.owner_start_ticks IS NOT OLD.owner_start_ticks
    OR NEW.owner_boot IS NOT OLD.owner_boot OR NEW.started_at IS NOT OLD.started_at
)
BEGIN SELECT RAISE(ABORT, 'a running run keeps its owner and start'); END;

-- No success without its snapshot.
CREATE TRIGGER run_succeeds_with_its_snapshot BEFORE UPDATE OF state ON run
WHEN NEW.state = 'succeeded' AND NEW.kind IN ('backup', 'import')
    AND NOT EXISTS (SELECT 1 FROM snapshot WHERE id = NEW.snapshot AND run = NEW.id AND job IS NEW.job)
BEGIN SELECT RAISE(ABORT, 'a backup succeeds with its snapshot only'); END;

CREATE TRIGGER run_is_recorded_with_its_snapshot BEFORE INSERT ON run
WHEN NEW.state = 'succeeded' AND NEW.kind IN ('backup', 'import')
    AND NOT EXISTS (SELECT 1 FROM snapshot WHERE id = NEW.snapshot AND run = NEW.id AND job IS NEW.job)
BEGIN SELECT RAISE(ABORT, 'a backup succeeds with its snapshot only'); END;

-- The namespaces go in before their snapshot, which seals them.
CREATE TRIGGER snapshot_has_its_namespaces BEFORE INSERT ON snapshot
WHEN (SELECT count(*) FROM snapshot_namespace WHERE snapshot = NEW.id) <> NEW.namespace_count
BEGIN SELECT RAISE(ABORT, 'a snapshot has as many namespaces as it says'); END;

CREATE TRIGGER snapshot_is_not_replaced BEFORE INSERT ON snapshot
WHEN EXISTS (
    SELECT 1 FROM snapshot
    WHERE id = NEW.id OR run = NEW.run OR (repository = NEW.repository AND file = NEW.file)
)
BEGIN SELECT RAISE(ABORT, 'snapshots are not replaced'); END;

CREATE TRIGGER snapshot_keeps_its_content BEFORE UPDATE OF
    id, job, run, repository, created_at, engine_name, engine_version, server_version, consistency, file, stored_bytes,
    uncompressed_bytes, sha256, manifest_sha256, documents, namespace_count
ON snapshot
BEGIN SELECT RAISE(ABORT, 'a snapshot keeps its content'); END;

CREATE TRIGGER snapshot_stays_deleting BEFORE UPDATE ON snapshot
WHEN OLD.state = 'deleting'
BEGIN SELECT RAISE(ABORT, 'a snapshot that is being deleted does not change'); END;

CREATE TRIGGER snapshot_is_deleted_in_two_steps BEFORE DELETE ON snapshot
WHEN OLD.state <> 'deleting'
BEGIN SELECT RAISE(ABORT, 'only a snapshot marked as deleting is deleted'); END;

CREATE TRIGGER snapshot_namespace_is_sealed BEFORE INSERT ON snapshot_namespace
WHEN EXISTS (SELECT 1 FROM snapshot WHERE id = NEW.snapshot)
    OR EXISTS (
        SELECT 1 FROM snapshot_namespace
        WHERE snapshot = NEW.snapshot
            AND (position = NEW.position OR (database = NEW.database AND collection = NEW.collection))
    )
BEGIN SELECT RAISE(ABORT, 'the namespaces of a snapshot do not change'); END;

CREATE TRIGGER snapshot_namespace_is_not_changed BEFORE UPDATE ON snapshot_namespace
BEGIN SELECT RAISE(ABORT, 'the namespaces of a snapshot do not change'); END;

CREATE TRIGGER snapshot_namespace_is_not_deleted BEFORE DELETE ON snapshot_namespace
WHEN EXISTS (SELECT 1 FROM snapshot WHERE id = OLD.snapshot AND state <> 'deleting')
BEGIN SELECT RAISE(ABORT, 'the namespaces of a snapshot do not change'); END;

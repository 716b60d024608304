-- Executions have a small integer key, so that the many rows below them carry a byte or two instead of a name.
CREATE TABLE executions (
    key INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    domain TEXT NOT NULL,
    name TEXT NOT NULL,
    phase TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    version INTEGER NOT NULL,
    record BLOB NOT NULL,
    UNIQUE (project, domain, name)
);
CREATE INDEX executions_by_age ON executions (created_us, key);
CREATE INDEX executions_by_phase ON executions (phase, created_us, key);

-- The current records, clustered by execution: to load one is to read neighbouring pages.
CREATE TABLE nodes (
    execution INTEGER NOT NULL,
    node_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (execution, node_id)
) WITHOUT ROWID;

CREATE TABLE attempts (
    execution INTEGER NOT NULL,
    node_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    version INTEGER NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (execution, node_id, attempt)
) WITHOUT ROWID;

CREATE TABLE onces (
    execution INTEGER NOT NULL,
    node_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (execution, node_id, attempt, key)
) WITHOUT ROWID;

-- The history; the sequence counts from 1 in each execution, and is only ever appended to.
CREATE TABLE transitions (
    execution INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    node_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (execution, sequence)
) WITHOUT ROWID;

CREATE TABLE leases (
    execution INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    fencing INTEGER NOT NULL,
    expires_us INTEGER NOT NULL
);
CREATE INDEX leases_by_owner ON leases (owner);

-- One row: the number that the newest lease of any execution got. It outlives executions, so that a zombie can't
-- write to a new execution of an old name.
CREATE TABLE fencing (newest INTEGER NOT NULL);
INSERT INTO fencing VALUES (0);

CREATE TABLE requests (
    execution INTEGER NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (execution, kind)
) WITHOUT ROWID;

CREATE TABLE artifacts (
    digest TEXT PRIMARY KEY,
    content BLOB NOT NULL
);

-- Who refers to an artifact, so that it goes with the last execution that does.
CREATE TABLE artifact_references (
    execution INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (execution, digest)
) WITHOUT ROWID;
CREATE INDEX artifact_references_by_digest ON artifact_references (digest);

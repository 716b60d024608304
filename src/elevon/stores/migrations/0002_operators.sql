-- What operators ask of one attempt stands beside what they ask of its whole execution, whose rows have no node.
CREATE TABLE wishes (
    execution INTEGER NOT NULL,
    kind TEXT NOT NULL,
    node_id TEXT NOT NULL DEFAULT '',
    attempt INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (execution, kind, node_id, attempt)
) WITHOUT ROWID;
INSERT INTO wishes (execution, kind, version, record) SELECT execution, kind, version, record FROM requests;
DROP TABLE requests;
ALTER TABLE wishes RENAME TO requests;

CREATE TABLE drains (
    task_type TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    record BLOB NOT NULL
) WITHOUT ROWID;

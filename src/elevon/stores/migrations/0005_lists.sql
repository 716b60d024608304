-- Nodes are listed below their parents in the order of their start, a page at a time. The columns stand before the
-- record, which may be large: SQLite would have to read all of it to come to what is behind it.
CREATE TABLE placed (
    execution INTEGER NOT NULL,
    node_id TEXT NOT NULL,
    parent TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    version INTEGER NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (execution, node_id)
) WITHOUT ROWID;
INSERT INTO placed (execution, node_id, parent, started_us, version, record)
    SELECT execution, node_id, parent_of(record), started_us_of(record), version, record FROM nodes;
DROP TABLE nodes;
ALTER TABLE placed RENAME TO nodes;
CREATE INDEX nodes_by_start ON nodes (execution, parent, started_us, node_id);

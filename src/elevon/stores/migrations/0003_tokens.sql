-- Tokens of pools, held and waited for. A row's place is its turn: who asked first has the smaller one.
CREATE TABLE tokens (
    place INTEGER PRIMARY KEY,
    pool TEXT NOT NULL,
    name TEXT NOT NULL,
    namespace TEXT NOT NULL,
    is_granted INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    node_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    version INTEGER NOT NULL,
    record BLOB NOT NULL,
    UNIQUE (pool, name)
);
CREATE INDEX tokens_by_turn ON tokens (pool, is_granted, place, namespace);
CREATE INDEX tokens_by_owner ON tokens (execution, node_id, attempt);

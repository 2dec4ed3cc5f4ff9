-- Every document of the use cases; see custody::store. WITHOUT ROWID clusters by the key that
-- every read uses.
CREATE TABLE documents (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX documents_by_owner ON documents (kind, owner, id) WHERE owner <> '';
CREATE INDEX documents_by_state ON documents (kind, state, id) WHERE state <> '';
CREATE INDEX documents_by_due ON documents (kind, due_at) WHERE due_at > 0;

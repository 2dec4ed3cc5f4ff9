-- Every document of the use cases; see custody::store. Ids compare by bytes, as in SQLite.
CREATE TABLE documents (
    kind TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX documents_by_owner ON documents (kind, owner, id) WHERE owner <> '';
CREATE INDEX documents_by_state ON documents (kind, state, id) WHERE state <> '';
CREATE INDEX documents_by_due ON documents (kind, due_at) WHERE due_at > 0;

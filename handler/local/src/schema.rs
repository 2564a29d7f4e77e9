/// A database's schema: each step takes it from the version before to the next. Steps are only ever added.
pub(crate) struct Schema(pub(crate) &'static [&'static str]);

/// `platform.db`. Times are Unix milliseconds.
pub(crate) const PLATFORM: Schema = Schema(&["
CREATE TABLE tenants (
    id TEXT PRIMARY KEY NOT NULL,
    container TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL
) STRICT;
CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    receipt TEXT NOT NULL,
    body BLOB NOT NULL,
    dequeued INTEGER NOT NULL,
    inserted INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    visible INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX messages_name ON messages (queue, id);
CREATE INDEX messages_next ON messages (queue, visible, seq);
"]);

/// `tenant.db`. Rowid tables, because bodies are long. The search entries are in three tables, so that a scan of the
/// vectors, or of the filters' fields, does not read the texts; `words` keeps terms alone, and no copy of a text.
pub(crate) const TENANT: Schema = Schema(&["
CREATE TABLE records (
    rowid INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT NOT NULL,
    owner TEXT NOT NULL,
    expires_at INTEGER,
    etag TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX records_name ON records (kind, id);
CREATE INDEX records_parent ON records (kind, parent, id);
CREATE INDEX records_owner ON records (kind, owner, id);
CREATE INDEX records_end ON records (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    chunk INTEGER NOT NULL,
    owner TEXT,
    fields TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX entries_key ON entries (source, chunk);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY REFERENCES entries (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    place TEXT NOT NULL
) STRICT;
CREATE TABLE vectors (
    id INTEGER PRIMARY KEY REFERENCES entries (id) ON DELETE CASCADE,
    vector BLOB NOT NULL
) STRICT;
CREATE VIRTUAL TABLE words USING fts5 (
    title, content, content = '', contentless_delete = 1, tokenize = \"ascii tokenchars '_'\"
);
"]);

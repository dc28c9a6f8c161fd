CREATE TABLE IF NOT EXISTS sessions (
    token TEXT PRIMARY KEY,
    user_name TEXT NOT NULL,
    csrf_token TEXT NOT NULL,
    verified INTEGER NOT NULL,
    opened_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS used_codes (
    user_name TEXT PRIMARY KEY,
    period INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS drafts (
    draft_id INTEGER PRIMARY KEY AUTOINCREMENT,
    member_id TEXT NOT NULL,
    service TEXT NOT NULL DEFAULT '{}',
    service_saved INTEGER NOT NULL DEFAULT 0,
    clinical TEXT,
    altered TEXT NOT NULL DEFAULT '{}',
    created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS documents (
    document_id INTEGER PRIMARY KEY AUTOINCREMENT,
    draft_id INTEGER NOT NULL REFERENCES drafts (draft_id),
    type TEXT NOT NULL,
    file_name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS documents_of_draft ON documents (draft_id);

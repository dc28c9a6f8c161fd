CREATE TABLE IF NOT EXISTS sessions (
    token TEXT PRIMARY KEY,
    user_name TEXT,
    form_token TEXT NOT NULL,
    opened_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS drafts (
    draft_id INTEGER PRIMARY KEY AUTOINCREMENT,
    member_id TEXT NOT NULL,
    service TEXT,
    clinical TEXT,
    altered TEXT NOT NULL DEFAULT '{}',
    created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS reply_drafts (
    reference TEXT NOT NULL,
    number INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (reference, number)
);
CREATE TABLE IF NOT EXISTS reply_documents (
    document_id INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL,
    number INTEGER NOT NULL,
    type TEXT NOT NULL,
    file_name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS documents_of_reply ON reply_documents (reference, number);
CREATE TABLE IF NOT EXISTS replies (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL,
    number INTEGER NOT NULL,
    text TEXT NOT NULL,
    documents TEXT NOT NULL,
    received_at TEXT NOT NULL,
    UNIQUE (reference, number)
);
CREATE TABLE IF NOT EXISTS awaited_codes (
    token TEXT PRIMARY KEY REFERENCES sessions (token),
    user_name TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS used_periods (
    user_name TEXT PRIMARY KEY,
    period INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS trusted_browsers (
    token TEXT PRIMARY KEY,
    user_name TEXT NOT NULL,
    trusted_at TEXT NOT NULL
);

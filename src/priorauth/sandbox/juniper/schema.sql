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

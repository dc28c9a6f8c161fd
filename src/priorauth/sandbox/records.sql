CREATE TABLE IF NOT EXISTS members (
    member_id TEXT PRIMARY KEY,
    member TEXT NOT NULL,
    behaviour TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS seeds (
    member_id TEXT PRIMARY KEY,
    member TEXT NOT NULL,
    behaviour TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS hostility (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    kinds TEXT NOT NULL,
    draft_id INTEGER
);
CREATE TABLE IF NOT EXISTS submissions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL UNIQUE,
    draft_id INTEGER NOT NULL,
    member_id TEXT NOT NULL,
    member_name TEXT NOT NULL,
    case_reference TEXT NOT NULL,
    service TEXT NOT NULL,
    start_date TEXT NOT NULL,
    package TEXT NOT NULL,
    documents TEXT NOT NULL,
    received_at TEXT NOT NULL,
    decision TEXT,
    decided_at TEXT
);
CREATE INDEX IF NOT EXISTS submissions_of_case ON submissions (case_reference COLLATE NOCASE);
CREATE INDEX IF NOT EXISTS submissions_of_member ON submissions (member_id);
CREATE TABLE IF NOT EXISTS documents (
    document_id INTEGER PRIMARY KEY AUTOINCREMENT,
    draft_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    file_name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS documents_of_draft ON documents (draft_id);
CREATE TABLE IF NOT EXISTS sign_ins (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    user_name TEXT NOT NULL,
    accepted INTEGER NOT NULL,
    tried_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS fault_counts (
    member_id TEXT NOT NULL,
    case_reference TEXT NOT NULL,
    fault INTEGER NOT NULL,
    met INTEGER NOT NULL,
    PRIMARY KEY (member_id, case_reference, fault)
);
CREATE TABLE IF NOT EXISTS outages (
    member_id TEXT NOT NULL,
    case_reference TEXT NOT NULL,
    fault INTEGER NOT NULL,
    began_at TEXT NOT NULL,
    PRIMARY KEY (member_id, case_reference, fault)
);

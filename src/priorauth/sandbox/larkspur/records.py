"""The plan's database: members, sessions, drafts, submissions, replies and what has gone wrong so far.

Whatever a method changes is on the disk (WAL, synchronous=FULL) before it returns, so that no answer promises what a
crash could take back. The only place of the portal that knows SQL. Used by one thread of one process; the time is an
argument.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from priorauth.sandbox.larkspur import decisions, inquiries
from priorauth.sandbox.larkspur.entities import (
    Document,
    Draft,
    Member,
    Message,
    Reply,
    ReplyDraft,
    Session,
    Submission,
    Upload,
)
from priorauth.sandbox.larkspur.forms import REFERENCE, Values


class Records:
    """The tables of one database file, opened on creation."""

    def __init__(self, path: Path) -> None:
        # Transactions are opened by hand; the module's own would commit at surprising moments.
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(files(__package__).joinpath("schema.sql").read_text(encoding="utf-8"))

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _row(self, sql: str, *values: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
        return row

    # Members

    def put_member(self, member: Mapping[str, str], behaviour: Mapping[str, Any], *, now: datetime) -> None:
        """Create or replace a member; faults begin anew, and what is still under review is decided as told now."""
        member_id = member["memberId"]
        told = behaviour.get("decision")
        with self._transaction() as db:
            row = (member_id, json.dumps(dict(member)), json.dumps(dict(behaviour)))
            db.execute("INSERT OR REPLACE INTO members VALUES (?, ?, ?)", row)
            db.execute("DELETE FROM fault_counts WHERE member_id = ?", (member_id,))
            for submission in self._submissions("WHERE member_id = ?", member_id):
                if submission.decision(now) is None:
                    due = self._decision_due(behaviour, submission.reference, received_at=submission.received_at)
                    db.execute(
                        "UPDATE submissions SET decision = ?, decided_at = ? WHERE sequence = ?",
                        (json.dumps(told), max(due, now).isoformat() if due else None, submission.sequence),
                    )

    def seed_member(self, member: Mapping[str, str], behaviour: Mapping[str, Any], *, now: datetime) -> None:
        """`put_member`, unless exactly this is known already: then a restart changes nothing."""
        row = self._row("SELECT member, behaviour FROM members WHERE member_id = ?", member["memberId"])
        if row is None or tuple(row) != (json.dumps(dict(member)), json.dumps(dict(behaviour))):
            self.put_member(member, behaviour, now=now)

    def member(self, member_id: str) -> Member | None:
        row = self._row("SELECT member, behaviour FROM members WHERE member_id = ?", member_id)
        if row is None:
            return None
        member = json.loads(row["member"])
        return Member(
            member_id=member_id,
            first_name=member["firstName"],
            last_name=member["lastName"],
            birth_date=member["birthDate"],
            plan=member["plan"],
            state=member["state"],
            effective_from=member["effectiveFrom"],
            behaviour=json.loads(row["behaviour"]),
        )

    # Sessions

    def open_session(self, user_name: str | None, *, now: datetime, expired_before: datetime) -> Session:
        session = Session(token=secrets.token_urlsafe(32), user_name=user_name, form_token=secrets.token_urlsafe(24))
        with self._transaction() as db:
            db.execute("DELETE FROM sessions WHERE opened_at < ?", (expired_before.isoformat(),))
            row = (session.token, user_name, session.form_token, now.isoformat())
            db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", row)
        return session

    def session(self, token: str, *, expired_before: datetime) -> Session | None:
        row = self._row("SELECT * FROM sessions WHERE token = ? AND opened_at >= ?", token, expired_before.isoformat())
        if row is None:
            return None
        return Session(token=row["token"], user_name=row["user_name"], form_token=row["form_token"])

    def end_session(self, token: str) -> None:
        with self._transaction() as db:
            db.execute("DELETE FROM sessions WHERE token = ?", (token,))
            db.execute("DELETE FROM awaited_codes WHERE token = ?", (token,))

    # One-time codes

    def await_code(self, token: str, user_name: str) -> None:
        """The session's visitor has given the password of this user; a code is still to come."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO awaited_codes VALUES (?, ?)", (token, user_name))

    def awaits_code(self, token: str) -> str | None:
        row = self._row("SELECT user_name FROM awaited_codes WHERE token = ?", token)
        return row["user_name"] if row is not None else None

    def use_period(self, user_name: str, period: int) -> bool:
        """Use up the code of a period; false where it, or a later one, was used before."""
        with self._transaction() as db:
            used = db.execute(
                "INSERT INTO used_periods VALUES (?, ?) ON CONFLICT DO UPDATE SET period = excluded.period"
                " WHERE excluded.period > period",
                (user_name, period),
            )
        return bool(used.rowcount)

    def trust_browser(self, user_name: str, *, now: datetime) -> str:
        """Return the token by which the user's browser is known again."""
        token = secrets.token_urlsafe(32)
        with self._transaction() as db:
            db.execute("INSERT INTO trusted_browsers VALUES (?, ?, ?)", (token, user_name, now.isoformat()))
        return token

    def trusts_browser(self, token: str, user_name: str, *, since: datetime) -> bool:
        query = "SELECT 1 FROM trusted_browsers WHERE token = ? AND user_name = ? AND trusted_at >= ?"
        return self._row(query, token, user_name, since.isoformat()) is not None

    # Drafts

    def create_draft(self, member_id: str, *, now: datetime) -> int:
        with self._transaction() as db:
            first = self._row("SELECT 1 FROM drafts LIMIT 1") is None
            row = (700101 if first else None, member_id, now.isoformat())
            insert = "INSERT INTO drafts (draft_id, member_id, created_at) VALUES (?, ?, ?) RETURNING draft_id"
            draft_id: int = db.execute(insert, row).fetchone()["draft_id"]
        return draft_id

    def draft(self, draft_id: int) -> Draft | None:
        row = self._row("SELECT * FROM drafts WHERE draft_id = ?", draft_id)
        if row is None:
            return None
        documents = self._db.execute(
            "SELECT document_id, type, file_name, size_bytes, sha256 FROM documents WHERE draft_id = ?"
            " ORDER BY document_id",
            (draft_id,),
        )
        return Draft(
            draft_id=draft_id,
            member_id=row["member_id"],
            service=json.loads(row["service"] or "null"),
            clinical=json.loads(row["clinical"] or "null"),
            altered=json.loads(row["altered"]),
            documents=tuple(Document(**dict(document)) for document in documents),
        )

    def save_service(self, draft_id: int, values: Values, *, keep_clinical: bool) -> None:
        with self._transaction() as db:
            db.execute("UPDATE drafts SET service = ? WHERE draft_id = ?", (json.dumps(values), draft_id))
            if not keep_clinical:
                db.execute("UPDATE drafts SET clinical = NULL WHERE draft_id = ?", (draft_id,))

    def save_clinical(self, draft_id: int, values: Values) -> None:
        with self._transaction() as db:
            db.execute("UPDATE drafts SET clinical = ? WHERE draft_id = ?", (json.dumps(values), draft_id))

    def save_altered(self, draft_id: int, altered: Values) -> None:
        with self._transaction() as db:
            db.execute("UPDATE drafts SET altered = ? WHERE draft_id = ?", (json.dumps(altered), draft_id))

    def add_document(self, draft_id: int, upload: Upload) -> None:
        with self._transaction() as db:
            db.execute(
                "INSERT INTO documents (draft_id, type, file_name, size_bytes, sha256) VALUES (?, ?, ?, ?, ?)",
                (draft_id, upload.type, upload.file_name, upload.size_bytes, upload.sha256),
            )

    def remove_document(self, draft_id: int, document_id: int) -> None:
        with self._transaction() as db:
            db.execute("DELETE FROM documents WHERE draft_id = ? AND document_id = ?", (draft_id, document_id))

    # Submissions

    def accept(
        self, draft: Draft, *, member: Member, package: list[tuple[str, str]], start_date: str, now: datetime
    ) -> str:
        """Take a draft as a new request, submitted before or not, and return its reference number."""
        told = member.behaviour.get("decision")
        facts = dict(package)
        with self._transaction() as db:
            last = self._row("SELECT max(sequence) AS sequence FROM submissions")
            sequence = ((last and last["sequence"]) or 1040) + 1
            reference = f"LHP-{now.year}-{sequence:06d}"
            due = self._decision_due(member.behaviour, reference, received_at=now)
            row = {
                "sequence": sequence,
                "reference": reference,
                "draft_id": draft.draft_id,
                "member_id": facts["Member ID"],
                "member_name": member.name,
                "case_reference": facts[REFERENCE],
                "service": f"{facts['Code system']} {facts['Procedure code']}",
                "start_date": start_date,
                "package": json.dumps(package),
                "documents": json.dumps(_kept(draft.documents)),
                "received_at": now.isoformat(),
                "decision": json.dumps(told),
                "decided_at": due and due.isoformat(),
            }
            db.execute(
                "INSERT INTO submissions VALUES (:sequence, :reference, :draft_id, :member_id, :member_name,"
                " :case_reference, :service, :start_date, :package, :documents, :received_at, :decision, :decided_at)",
                row,
            )
            # What is counted without a case (a search for the member, say) begins anew for the member's next case.
            db.execute("DELETE FROM fault_counts WHERE member_id = ? AND case_reference = ''", (draft.member_id,))
        return reference

    def submissions(self) -> list[Submission]:
        """All of them, in the order in which they were accepted."""
        return self._submissions("ORDER BY sequence")

    def submission(self, reference: str) -> Submission | None:
        return next(iter(self._submissions("WHERE reference = ?", reference)), None)

    def search(self, text: str) -> list[Submission]:
        """Newest first; by reference number or the provider's reference, exactly but for case. No text: the latest."""
        if not text:
            return self._submissions("ORDER BY sequence DESC LIMIT 100")
        where = "WHERE reference = ? COLLATE NOCASE OR case_reference = ? COLLATE NOCASE ORDER BY sequence DESC"
        return self._submissions(where, text, text)

    def _decision_due(self, behaviour: Mapping[str, Any], reference: str, *, received_at: datetime) -> datetime | None:
        """When a request is decided: never before the plan has a reply to everything that it asks."""
        answered = self._replies("WHERE reference = ? ORDER BY number", reference)
        if len(answered) < len(behaviour.get("inquiries", ())):
            return None
        last = answered[-1].received_at if answered else received_at
        return decisions.due_at(behaviour.get("decision"), received_at=last)

    def _submissions(self, clause: str, *values: object) -> list[Submission]:
        # Every clause is a constant of this file.
        found = self._db.execute(f"SELECT * FROM submissions {clause}", values)  # noqa: S608
        return [_submission(row) for row in found.fetchall()]

    # Messages and replies

    def messages(self, submission: Submission, *, now: datetime) -> tuple[Message, ...]:
        """What the plan has asked about a request by now, oldest first."""
        member = self.member(submission.member_id)
        told = member.behaviour.get("inquiries", ()) if member else ()
        replies = {each.number: each for each in self._replies("WHERE reference = ?", submission.reference)}
        return tuple(inquiries.sent(told, received_at=submission.received_at, replies=replies, now=now))

    def reply_draft(self, reference: str, number: int) -> ReplyDraft:
        row = self._row("SELECT text FROM reply_drafts WHERE reference = ? AND number = ?", reference, number)
        documents = self._db.execute(
            "SELECT document_id, type, file_name, size_bytes, sha256 FROM reply_documents"
            " WHERE reference = ? AND number = ? ORDER BY document_id",
            (reference, number),
        )
        return ReplyDraft(
            text=row["text"] if row else "", documents=tuple(Document(**dict(document)) for document in documents)
        )

    def save_reply_text(self, reference: str, number: int, text: str) -> None:
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO reply_drafts VALUES (?, ?, ?)", (reference, number, text))

    def add_reply_document(self, reference: str, number: int, upload: Upload) -> None:
        with self._transaction() as db:
            db.execute(
                "INSERT INTO reply_documents (reference, number, type, file_name, size_bytes, sha256)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (reference, number, upload.type, upload.file_name, upload.size_bytes, upload.sha256),
            )

    def remove_reply_document(self, reference: str, number: int, document_id: int) -> None:
        with self._transaction() as db:
            db.execute(
                "DELETE FROM reply_documents WHERE reference = ? AND number = ? AND document_id = ?",
                (reference, number, document_id),
            )

    def discard_reply(self, reference: str, number: int) -> None:
        """Forget what was written of a reply."""
        with self._transaction() as db:
            db.execute("DELETE FROM reply_drafts WHERE reference = ? AND number = ?", (reference, number))
            db.execute("DELETE FROM reply_documents WHERE reference = ? AND number = ?", (reference, number))

    def accept_reply(self, submission: Submission, number: int, *, now: datetime) -> bool:
        """Take the reply as it is written; false, and nothing changed, where the message has one already."""
        draft = self.reply_draft(submission.reference, number)
        member = self.member(submission.member_id)
        with self._transaction() as db:
            taken = db.execute(
                "INSERT INTO replies (reference, number, text, documents, received_at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (submission.reference, number, draft.text, json.dumps(_kept(draft.documents)), now.isoformat()),
            )
            if taken.rowcount and member is not None:
                due = self._decision_due(member.behaviour, submission.reference, received_at=submission.received_at)
                db.execute(
                    "UPDATE submissions SET decided_at = ? WHERE sequence = ?",
                    (due and due.isoformat(), submission.sequence),
                )
        return bool(taken.rowcount)

    def replies(self) -> list[Reply]:
        """All of them, in the order in which they were accepted."""
        return self._replies("ORDER BY sequence")

    def _replies(self, clause: str, *values: object) -> list[Reply]:
        # Every clause is a constant of this file.
        found = self._db.execute(f"SELECT * FROM replies {clause}", values)  # noqa: S608
        return [
            Reply(
                reference=row["reference"],
                number=row["number"],
                text=row["text"],
                documents=json.loads(row["documents"]),
                received_at=datetime.fromisoformat(row["received_at"]),
            )
            for row in found.fetchall()
        ]

    # Faults

    def meet_fault(self, *, member_id: str, case_reference: str, fault: int, times: int) -> bool:
        """Count one more meeting with a fault; false once it has been met often enough."""
        key = (member_id, case_reference, fault)
        with self._transaction() as db:
            row = self._row(
                "SELECT met FROM fault_counts WHERE member_id = ? AND case_reference = ? AND fault = ?", *key
            )
            met = row["met"] if row else 0
            if met >= times:
                return False
            db.execute("INSERT OR REPLACE INTO fault_counts VALUES (?, ?, ?, ?)", (*key, met + 1))
            return True


def _kept(documents: Iterable[Document]) -> list[dict[str, Any]]:
    return [
        {"type": each.type, "fileName": each.file_name, "sizeBytes": each.size_bytes, "sha256": each.sha256}
        for each in documents
    ]


def _submission(row: sqlite3.Row) -> Submission:
    return Submission(
        sequence=row["sequence"],
        reference=row["reference"],
        member_id=row["member_id"],
        member_name=row["member_name"],
        case_reference=row["case_reference"],
        service=row["service"],
        start_date=row["start_date"],
        documents=json.loads(row["documents"]),
        received_at=datetime.fromisoformat(row["received_at"]),
        told=json.loads(row["decision"] or "null"),
        decided_at=row["decided_at"] and datetime.fromisoformat(row["decided_at"]),
    )

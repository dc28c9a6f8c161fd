"""The plan's database: what every plan keeps, and this one's sessions, drafts, messages and replies."""

import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from priorauth.sandbox.entities import Document, Submission, Upload
from priorauth.sandbox.fields import Values
from priorauth.sandbox.larkspur import inquiries
from priorauth.sandbox.larkspur.entities import Draft, Message, Reply, ReplyDraft, Session
from priorauth.sandbox.records import PlanRecords, kept


class Records(PlanRecords):
    """The tables of one database file, opened on creation."""

    package = __package__
    reference_form = "LHP-{year}-{sequence:06d}"
    number_prefix = "LA"
    first_sequence = 1041

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
        return Draft(
            draft_id=draft_id,
            member_id=row["member_id"],
            service=json.loads(row["service"] or "null"),
            clinical=json.loads(row["clinical"] or "null"),
            altered=json.loads(row["altered"]),
            documents=self.documents(draft_id),
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

    # Messages and replies

    def _decision_due(self, behaviour: Mapping[str, Any], reference: str, *, received_at: datetime) -> datetime | None:
        """When a request is decided: never before the plan has a reply to everything that it asks."""
        answered = self._replies("WHERE reference = ? ORDER BY number", reference)
        if len(answered) < len(behaviour.get("inquiries", ())):
            return None
        last = answered[-1].received_at if answered else received_at
        return super()._decision_due(behaviour, reference, received_at=last)

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
                (submission.reference, number, draft.text, json.dumps(kept(draft.documents)), now.isoformat()),
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

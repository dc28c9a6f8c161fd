"""The plan's database: what every plan keeps, and this one's sessions and drafts."""

import json
import secrets
from datetime import datetime

from priorauth.sandbox.fields import Values
from priorauth.sandbox.juniper.entities import Draft, Session
from priorauth.sandbox.records import PlanRecords


class Records(PlanRecords):
    """The tables of one database file, opened on creation."""

    package = __package__
    reference_form = "JR{year}{sequence:07d}"
    number_prefix = "JRA-"
    first_sequence = 58001

    # Sessions

    def open_session(self, user_name: str, *, verified: bool, now: datetime, expired_before: datetime) -> Session:
        session = Session(
            token=secrets.token_urlsafe(32),
            user_name=user_name,
            csrf_token=secrets.token_urlsafe(24),
            verified=verified,
        )
        with self._transaction() as db:
            db.execute("DELETE FROM sessions WHERE opened_at < ?", (expired_before.isoformat(),))
            row = (session.token, user_name, session.csrf_token, verified, now.isoformat())
            db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", row)
        return session

    def session(self, token: str, *, expired_before: datetime) -> Session | None:
        row = self._row("SELECT * FROM sessions WHERE token = ? AND opened_at >= ?", token, expired_before.isoformat())
        if row is None:
            return None
        return Session(
            token=row["token"],
            user_name=row["user_name"],
            csrf_token=row["csrf_token"],
            verified=bool(row["verified"]),
        )

    def end_session(self, token: str) -> None:
        with self._transaction() as db:
            db.execute("DELETE FROM sessions WHERE token = ?", (token,))

    def use_period(self, user_name: str, period: int) -> bool:
        """Take the code of this period from a user; false where it, or a later one, was taken before."""
        with self._transaction() as db:
            taken = db.execute(
                "INSERT INTO used_codes VALUES (?, ?)"
                " ON CONFLICT (user_name) DO UPDATE SET period = excluded.period WHERE period < excluded.period",
                (user_name, period),
            )
        return bool(taken.rowcount)

    # Drafts

    def create_draft(self, member_id: str, *, now: datetime) -> int:
        with self._transaction() as db:
            insert = "INSERT INTO drafts (member_id, created_at) VALUES (?, ?) RETURNING draft_id"
            draft_id: int = db.execute(insert, (member_id, now.isoformat())).fetchone()["draft_id"]
        return draft_id

    def draft(self, draft_id: int) -> Draft | None:
        row = self._row("SELECT * FROM drafts WHERE draft_id = ?", draft_id)
        if row is None:
            return None
        return Draft(
            draft_id=draft_id,
            member_id=row["member_id"],
            service=json.loads(row["service"]),
            service_saved=bool(row["service_saved"]),
            clinical=json.loads(row["clinical"] or "null"),
            altered=json.loads(row["altered"]),
            documents=self.documents(draft_id),
        )

    def note_service(self, draft_id: int, values: Values) -> None:
        """Keep what has been typed so far, right or wrong."""
        with self._transaction() as db:
            db.execute("UPDATE drafts SET service = ? WHERE draft_id = ?", (json.dumps(values), draft_id))

    def save_service(self, draft_id: int, values: Values, *, keep_clinical: bool) -> None:
        """Keep what has been found right."""
        with self._transaction() as db:
            db.execute(
                "UPDATE drafts SET service = ?, service_saved = 1 WHERE draft_id = ?", (json.dumps(values), draft_id)
            )
            if not keep_clinical:
                db.execute("UPDATE drafts SET clinical = NULL WHERE draft_id = ?", (draft_id,))

    def save_clinical(self, draft_id: int, values: Values) -> None:
        with self._transaction() as db:
            db.execute("UPDATE drafts SET clinical = ? WHERE draft_id = ?", (json.dumps(values), draft_id))

    def save_altered(self, draft_id: int, altered: Values) -> None:
        with self._transaction() as db:
            db.execute("UPDATE drafts SET altered = ? WHERE draft_id = ?", (json.dumps(altered), draft_id))

"""What every simulated plan keeps: members, documents of drafts, submissions, hostility, what has gone wrong so far.

Whatever a method changes is on the disk (WAL, synchronous=FULL) before it returns, so that no answer promises what a
crash could take back. Used by one thread of one process; the time is an argument.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

from priorauth.sandbox import decisions
from priorauth.sandbox.entities import Document, Member, Submission, Upload
from priorauth.sandbox.hostile.kinds import Hostility, kinds_of, of_another


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What is sent of a draft, as its review has shown it: `rows` are labels and values."""

    draft_id: int
    member_id: str
    case_reference: str
    service: str
    start_date: str
    rows: list[tuple[str, str]]
    documents: tuple[Document, ...]


class PlanRecords:
    """The tables of one database file, opened on creation. A plan adds its own, in the `schema.sql` of its package."""

    package: ClassVar[str]
    reference_form: ClassVar[str]
    """How a reference number is made of `year` and `sequence`."""
    number_prefix: ClassVar[str]
    """How the numbers of authorizations begin."""
    first_sequence: ClassVar[int]

    def __init__(self, path: Path) -> None:
        # Transactions are opened by hand; the module's own would commit at surprising moments.
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        for package, file in (__package__, "records.sql"), (self.package, "schema.sql"):
            self._db.executescript(files(package).joinpath(file).read_text(encoding="utf-8"))

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
        """`put_member`, unless exactly this was seeded before: a restart changes nothing, nor what was told since."""
        row = self._row("SELECT member, behaviour FROM seeds WHERE member_id = ?", member["memberId"])
        seed = (json.dumps(dict(member)), json.dumps(dict(behaviour)))
        if row is None or tuple(row) != seed:
            self.put_member(member, behaviour, now=now)
            self._db.execute("INSERT OR REPLACE INTO seeds VALUES (?, ?, ?)", (member["memberId"], *seed))

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

    # Hostility

    def put_hostility(self, hostility: Hostility) -> None:
        """Let the whole portal be hostile in these ways, or in none."""
        row = (json.dumps(hostility.kinds), hostility.draft)
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO hostility VALUES (1, ?, ?)", row)

    def hostility(self) -> Hostility:
        row = self._row("SELECT kinds, draft_id FROM hostility")
        return Hostility(kinds=tuple(json.loads(row["kinds"])), draft=row["draft_id"]) if row else Hostility()

    def hostile_members(self) -> list[tuple[str, dict[str, Any]]]:
        """The members to whom the portal is hostile, and how each is treated."""
        found = self._db.execute("SELECT member_id, behaviour FROM members WHERE behaviour LIKE '%\"hostile\"%'")
        return [(row["member_id"], json.loads(row["behaviour"])) for row in found]

    def member_of_draft(self, draft_id: int) -> str | None:
        row = self._row("SELECT member_id FROM drafts WHERE draft_id = ?", draft_id)
        return row["member_id"] if row else None

    def move_draft(self, draft_id: int, member_id: str) -> None:
        """Make a draft one of another member."""
        with self._transaction() as db:
            db.execute("UPDATE drafts SET member_id = ? WHERE draft_id = ?", (member_id, draft_id))

    def rewrite_draft(self, draft_id: int, service: Mapping[str, str]) -> bool:
        """Change entries of a draft's service as another user of the account would; False where there is none."""
        row = self._row("SELECT service FROM drafts WHERE draft_id = ?", draft_id)
        if row is None:
            return False
        values = {**json.loads(row["service"] or "{}"), **service}
        with self._transaction() as db:
            db.execute("UPDATE drafts SET service = ? WHERE draft_id = ?", (json.dumps(values), draft_id))
        return True

    def ready_drafts(self) -> list[int]:
        """The drafts that could be submitted and were not, newest first."""
        found = self._db.execute(
            "SELECT draft_id FROM drafts WHERE clinical IS NOT NULL"
            " AND draft_id NOT IN (SELECT draft_id FROM submissions) ORDER BY draft_id DESC LIMIT 10"
        )
        return [row["draft_id"] for row in found]

    # Documents of drafts

    def documents(self, draft_id: int) -> tuple[Document, ...]:
        """The files of a draft, in the order in which they were added."""
        found = self._db.execute(
            "SELECT document_id, type, file_name, size_bytes, sha256 FROM documents WHERE draft_id = ?"
            " ORDER BY document_id",
            (draft_id,),
        )
        return tuple(Document(**dict(row)) for row in found)

    def add_document(self, draft_id: int, upload: Upload) -> Document:
        with self._transaction() as db:
            document_id: int = db.execute(
                "INSERT INTO documents (draft_id, type, file_name, size_bytes, sha256) VALUES (?, ?, ?, ?, ?)"
                " RETURNING document_id",
                (draft_id, upload.type, upload.file_name, upload.size_bytes, upload.sha256),
            ).fetchone()["document_id"]
        return Document(
            document_id=document_id,
            type=upload.type,
            file_name=upload.file_name,
            size_bytes=upload.size_bytes,
            sha256=upload.sha256,
        )

    def remove_document(self, draft_id: int, document_id: int) -> None:
        with self._transaction() as db:
            db.execute("DELETE FROM documents WHERE draft_id = ? AND document_id = ?", (draft_id, document_id))

    # Submissions

    def accept(self, package: Package, *, member: Member, now: datetime) -> str:
        """Take a draft as a new request, submitted before or not, and return its reference number."""
        told = member.behaviour.get("decision")
        with self._transaction() as db:
            last = self._row("SELECT max(sequence) AS sequence FROM submissions")
            sequence = ((last and last["sequence"]) or self.first_sequence - 1) + 1
            reference = self.reference_form.format(year=now.year, sequence=sequence)
            due = self._decision_due(member.behaviour, reference, received_at=now)
            row = {
                "sequence": sequence,
                "reference": reference,
                "draft_id": package.draft_id,
                "member_id": package.member_id,
                "member_name": member.name,
                "case_reference": package.case_reference,
                "service": package.service,
                "start_date": package.start_date,
                "package": json.dumps(package.rows),
                "documents": json.dumps(kept(package.documents)),
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
            for table in ("fault_counts", "outages"):
                db.execute(f"DELETE FROM {table} WHERE member_id = ? AND case_reference = ''", (member.member_id,))  # noqa: S608
        return reference

    def submissions(self) -> list[Submission]:
        """All of them, in the order in which they were accepted."""
        return self._submissions("ORDER BY sequence")

    def submission(self, reference: str) -> Submission | None:
        return next(iter(self._submissions("WHERE reference = ?", reference)), None)

    def shown_submission(self, reference: str) -> Submission | None:
        """Return a submission as the portal's pages show it: as it is, unless they are told to lie."""
        found = self.submission(reference)
        return self._shown(found) if found else None

    def _shown(self, submission: Submission) -> Submission:
        member = self.member(submission.member_id)
        kinds = {*self.hostility().kinds, *(kinds_of(member.behaviour) if member else ())}
        return of_another(submission) if "receipt_of_another" in kinds else submission

    def search(self, text: str) -> list[Submission]:
        """Newest first; by reference number or the provider's reference, exactly but for case. No text: the latest."""
        if not text:
            return self._submissions("ORDER BY sequence DESC LIMIT 100")
        where = "WHERE reference = ? COLLATE NOCASE OR case_reference = ? COLLATE NOCASE ORDER BY sequence DESC"
        return [self._shown(each) for each in self._submissions(where, text, text)]

    def _decision_due(self, behaviour: Mapping[str, Any], reference: str, *, received_at: datetime) -> datetime | None:  # noqa: ARG002 - for plans that ask first
        """When a request is decided."""
        return decisions.due_at(behaviour.get("decision"), received_at=received_at)

    def _submissions(self, clause: str, *values: object) -> list[Submission]:
        # Every clause is a constant of this file.
        found = self._db.execute(f"SELECT * FROM submissions {clause}", values)  # noqa: S608
        return [self._submission(row) for row in found.fetchall()]

    def _submission(self, row: sqlite3.Row) -> Submission:
        return Submission(
            sequence=row["sequence"],
            reference=row["reference"],
            member_id=row["member_id"],
            member_name=row["member_name"],
            case_reference=row["case_reference"],
            service=row["service"],
            start_date=row["start_date"],
            draft_id=row["draft_id"],
            rows=tuple((label, value) for label, value in json.loads(row["package"])),
            documents=json.loads(row["documents"]),
            received_at=datetime.fromisoformat(row["received_at"]),
            told=json.loads(row["decision"] or "null"),
            decided_at=row["decided_at"] and datetime.fromisoformat(row["decided_at"]),
            number_prefix=self.number_prefix,
        )

    # Sign-ins

    def note_sign_in(self, user_name: str, *, accepted: bool, now: datetime) -> None:
        """Count a password that was offered."""
        row = (user_name[:80], accepted, now.isoformat())
        self._db.execute("INSERT INTO sign_ins (user_name, accepted, tried_at) VALUES (?, ?, ?)", row)

    def sign_ins(self) -> list[tuple[str, bool, datetime]]:
        """Every password that was offered, by user name, whether it was accepted, and when."""
        found = self._db.execute("SELECT user_name, accepted, tried_at FROM sign_ins ORDER BY sequence")
        return [(row["user_name"], bool(row["accepted"]), datetime.fromisoformat(row["tried_at"])) for row in found]

    # Faults

    def meet_fault(self, key: tuple[str, str, int], *, times: int) -> bool:
        """Count one more meeting with a fault (member, reference, number); false once it has been met often enough."""
        with self._transaction():
            met = self._met(key)
            if met >= times:
                return False
            self._count(key, met + 1)
            return True

    def meet_outage(self, key: tuple[str, str, int], *, seconds: float, now: datetime) -> int | None:
        """Count one more meeting with an outage and return how many there were before; None once it is over.

        It begins when it is met first.
        """
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO outages VALUES (?, ?, ?, ?)", (*key, now.isoformat()))
            row = self._row(
                "SELECT began_at FROM outages WHERE member_id = ? AND case_reference = ? AND fault = ?", *key
            )
            if row is None or (now - datetime.fromisoformat(row["began_at"])).total_seconds() >= seconds:
                return None
            met = self._met(key)
            self._count(key, met + 1)
            return met

    def _met(self, key: tuple[str, str, int]) -> int:
        row = self._row("SELECT met FROM fault_counts WHERE member_id = ? AND case_reference = ? AND fault = ?", *key)
        return row["met"] if row else 0

    def _count(self, key: tuple[str, str, int], met: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO fault_counts VALUES (?, ?, ?, ?)", (*key, met))


def kept(documents: Iterable[Document]) -> list[dict[str, Any]]:
    """Documents as they are kept with what they belong to."""
    return [
        {"type": each.type, "fileName": each.file_name, "sizeBytes": each.size_bytes, "sha256": each.sha256}
        for each in documents
    ]

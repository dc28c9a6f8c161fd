"""The tables, as SQLAlchemy describes them to SQLite and PostgreSQL alike. Migrations create them; this file reads.

A case is one sealed document with the columns that lists filter by beside it. Times are ISO 8601 text in UTC, so that
both databases order them alike.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

metadata = MetaData()

organizations = Table(
    "organizations",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("created_at", String, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("organization_id", String, ForeignKey("organizations.id"), nullable=False),
    Column("environment", String, nullable=False),
    Column("document", LargeBinary, nullable=False),
    # Null for keys of before `live:view`, which had no other scopes than those of their document.
    Column("scopes", String),
)

providers = Table(
    "providers",
    metadata,
    Column("environment", String, primary_key=True),
    Column("npi", String, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

payers = Table(
    "payers",
    metadata,
    Column("environment", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("version", String, ForeignKey("payer_versions.version"), nullable=False),
)

payer_versions = Table(
    "payer_versions",
    metadata,
    Column("version", String, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

provider_access = Table(
    "provider_access",
    metadata,
    Column("organization_id", String, ForeignKey("organizations.id"), primary_key=True),
    Column("environment", String, primary_key=True),
    Column("npi", String, primary_key=True),
    Column("payer_id", String, primary_key=True),
)

authorizations = Table(
    "authorizations",
    metadata,
    Column("id", String, primary_key=True),
    Column("organization_id", String, ForeignKey("organizations.id"), nullable=False),
    Column("environment", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("outcome", String),
    Column("payer_id", String, nullable=False),
    Column("provider_npi", String, nullable=False),
    Column("external_case_id", String),
    Column("awaits_work", Boolean, nullable=False),
    Column("created_at", String, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index("ix_authorizations_tenant", "organization_id", "environment", "id", "created_at"),
    Index("ix_authorizations_awaits_work", "awaits_work"),
    *(
        Index(f"ix_authorizations_{name}", "organization_id", "environment", name, "id")
        for name in ("status", "outcome", "payer_id", "provider_npi", "external_case_id")
    ),
)

timeline = Table(
    "timeline",
    metadata,
    Column("id", String, primary_key=True),
    Column("authorization_id", String, ForeignKey("authorizations.id"), nullable=False),
    Column("observation_id", String),
    Column("document", LargeBinary, nullable=False),
    UniqueConstraint("authorization_id", "observation_id", name="uq_timeline_observation"),
    Index("ix_timeline_authorization", "authorization_id", "id"),
)

files = Table(
    "files",
    metadata,
    Column("id", String, primary_key=True),
    Column("organization_id", String, ForeignKey("organizations.id"), nullable=False),
    Column("environment", String, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False, server_default="0"),
    Index("ix_files_organization", "organization_id", "stored_bytes"),
)

idempotency_records = Table(
    "idempotency_records",
    metadata,
    Column("organization_id", String, primary_key=True),
    Column("environment", String, primary_key=True),
    Column("method", String, primary_key=True),
    Column("path", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("body_hash", String, nullable=False),
    Column("status_code", Integer, nullable=False),
    Column("version", Integer),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", String, nullable=False),
    Index("ix_idempotency_records_created", "created_at"),
)

session_claims = Table(
    "session_claims",
    metadata,
    Column("authorization_id", String, ForeignKey("authorizations.id"), primary_key=True),
    Column("worker", String, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("credential_id", String),
    Index("ix_session_claims_credential", "credential_id"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("id", String, primary_key=True),
    Column("environment", String, nullable=False),
    Column("payer_id", String, nullable=False),
    Column("organization_id", String, ForeignKey("organizations.id")),
    Column("provider_npi", String),
    Column("document", LargeBinary, nullable=False),
    Column("suspended_at", String),
    Column("suspension_reason", String),
    Column("sign_ins", LargeBinary),
    Index("ix_credentials_payer", "environment", "payer_id"),
)

# Under the id of the credential whose browser it is.
browser_states = Table(
    "browser_states",
    metadata,
    Column("id", String, ForeignKey("credentials.id"), primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

access_grants = Table(
    "access_grants",
    metadata,
    Column("id", String, primary_key=True),
    Column("authorization_id", String, ForeignKey("authorizations.id"), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index("ix_access_grants_authorization", "authorization_id", "id"),
)

live_views = Table(
    "live_views",
    metadata,
    Column("id", String, primary_key=True),
    Column("access_grant_id", String, ForeignKey("access_grants.id"), nullable=False),
    Column("authorization_id", String, ForeignKey("authorizations.id"), nullable=False),
    Column("mode", String, nullable=False),
    Column("network_address", String, nullable=False),
    Column("opened_at", String, nullable=False),
    Column("connected_at", String),
    Column("ended_at", String),
    Column("ticket_hash", String),
    UniqueConstraint("ticket_hash", name="uq_live_views_ticket"),
    Index("ix_live_views_authorization", "authorization_id", "id"),
)

# One row: what is sealed in it opens with the keys of the data, and the proof is of the server's key.
installation = Table(
    "installation",
    metadata,
    Column("id", String, primary_key=True),
    Column("server_key_proof", String, nullable=False),
    Column("document", LargeBinary, nullable=False),
)

# What a process beside the server has changed, on a database that does not tell others of its commits by itself.
announcements = Table(
    "announcements",
    metadata,
    Column("id", String, primary_key=True),
    Column("authorization_id", String, nullable=False),
)

# Times here are seconds since 1970 by the database's clock.
workers = Table(
    "workers",
    metadata,
    Column("id", String, primary_key=True),
    Column("url", String, nullable=False),
    Column("lease_ends_at", Double, nullable=False),
)

# The last place that an organization was given in a payer's line.
places = Table(
    "places",
    metadata,
    Column("payer_id", String, primary_key=True),
    Column("organization_id", String, primary_key=True),
    Column("last", Integer, nullable=False),
)

chores = Table(
    "chores",
    metadata,
    Column("name", String, primary_key=True),
    Column("due_at", Double, nullable=False),
)

portal_health = Table(
    "portal_health",
    metadata,
    Column("portal", String, primary_key=True),
    Column("address", String, primary_key=True),
    Column("last_success_at", String),
    Column("last_fault_at", String),
    Column("last_fault", String),
    Column("faults", Integer, nullable=False),
    Column("outages", Integer, nullable=False),
    Column("down_since", String),
    Column("next_try_at", String),
)

# The claims that this database knows. One that was imported after a restore has neither attempt nor number here, and
# its authorization may be unknown.
submission_claims = Table(
    "submission_claims",
    metadata,
    Column("authorization_id", String, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("attempt_id", String),
    Column("number", Integer),
    Column("claimed_at", String, nullable=False),
    UniqueConstraint("attempt_id", name="uq_submission_claims_attempt"),
)

# One row, from the first claim on: the highest number in the log of claims, and since when a restore waits to be
# acknowledged.
submission_log = Table(
    "submission_log",
    metadata,
    Column("id", String, primary_key=True),
    Column("last_number", Integer, nullable=False),
    Column("restore_found_at", String),
)

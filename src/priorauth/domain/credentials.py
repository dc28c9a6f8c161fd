"""Credentials of payers' portals: for whom each of them signs in, and which one a case takes.

What a credential keeps secret never shows in its representation: no log, traceback or assertion tells it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp

from priorauth.domain.errors import UserFault
from priorauth.domain.organizations import Environment

TOTP_PERIOD = timedelta(seconds=30)
_SHORTEST_TOTP_SECRET = 16


class _Totp(pyotp.TOTP):
    # Portals choose the secret: many still give 80 bits, as the first authenticator apps did.
    min_secret_length_bits = 80


class FaultyTotpSecret(UserFault):
    """A text is no secret of one-time codes. The message says what is expected, and nothing of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """An account at a payer's portal: everybody's, an organization's, or for one provider alone.

    `totp_secret` (RFC 6238, base32) is there where the service can make the portal's one-time codes by itself.
    `people_may_enter` is what the operator has said of people who watch or act in its sessions; None: nothing yet.
    """

    id: str
    environment: Environment
    payer_id: str
    organization_id: str | None = None
    provider_npi: str | None = None
    user_name: str
    password: str
    totp_secret: str | None = None
    created_at: datetime
    replaced_at: datetime | None = None
    last_used_at: datetime | None = None
    people_may_enter: bool | None = None

    def __repr__(self) -> str:
        return f"Credential({self.id})"

    @property
    def is_for_everybody(self) -> bool:
        """Say whether any organization and provider may take it."""
        return self.organization_id is None and self.provider_npi is None

    def is_shared(self, others: Iterable["Credential"]) -> bool:
        """Return True if the account is used for more than one organization, by this credential or by `others`.

        Args:
            others: The credentials of all payers that use the same portal, this one included or not.
        """
        return self.organization_id is None or any(
            other.organization_id != self.organization_id and other.is_of_user(self.user_name) for other in others
        )

    def is_of_user(self, user_name: str) -> bool:
        """Return True if a portal would take both user names for the same: most compare them without regard to case."""
        return self.user_name.strip().casefold() == user_name.strip().casefold()

    def may_be_entered(self, others: Callable[[], Iterable["Credential"]]) -> bool:
        """Return True if people may watch or act in the account's sessions.

        The account of one organization is entered unless the operator forbids it, a shared one only where the operator
        allows it: what one organization's people see there may be another's.
        """
        if self.people_may_enter is not None:
            return self.people_may_enter
        return not self.is_shared(others())

    def has_secrets_of(self, other: "Credential") -> bool:
        """Say whether both sign in by the same secrets: what one of them was given is the other one's too."""
        return (self.user_name, self.password, self.totp_secret) == (
            other.user_name,
            other.password,
            other.totp_secret,
        )


def most_specific(credentials: Iterable[Credential], *, organization_id: str, provider_npi: str) -> Credential | None:
    """Return the credential that a case of this organization and provider takes, of those of its payer.

    Both named wins over the organization alone, that over the provider alone, and that over everybody's.
    """
    fitting = [
        each
        for each in credentials
        if each.organization_id in (None, organization_id) and each.provider_npi in (None, provider_npi)
    ]
    return max(fitting, key=_specificity, default=None)


def read_totp_secret(text: str) -> str:
    """Return the secret of one-time codes as it is kept, from a text as portals show it. Raises FaultyTotpSecret."""
    secret = "".join(text.split()).replace("-", "").upper().rstrip("=")
    if not re.fullmatch("[A-Z2-7]*", secret):
        raise FaultyTotpSecret(
            "A TOTP secret has the letters A to Z and the digits 2 to 7 alone (base32). It is the text that the portal "
            "shows beside its QR code; a one-time code of six digits is not it."
        )
    try:
        _Totp(secret)
    except ValueError:
        raise FaultyTotpSecret(
            f"This is not a whole TOTP secret: it has {_SHORTEST_TOTP_SECRET} characters or more, and none may be "
            "missing. Give all of the text that the portal shows beside its QR code."
        ) from None
    return secret


def one_time_code(secret: str, now: datetime) -> str:
    """Return the code that a portal expects at `now` from whoever has this secret."""
    return _Totp(secret).at(now)


def _specificity(credential: Credential) -> tuple[bool, bool, str]:
    # Of equals, which commands do not make, the newest: ids grow with time.
    return credential.organization_id is not None, credential.provider_npi is not None, credential.id

"""The users of a portal: how each signs in, and which one-time code is asked for after the password, if any.

Pure: the time is an argument.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pyotp


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user. After the password comes a code of an authenticator app with `totp_secret`, or the one of a text message.

    `message_code` is what the message always says: the phone of a simulated user is whoever has read it here. The plan
    lets nobody in with an account that is `locked`, and says so to who knows its password.
    """

    user_name: str
    password: str
    totp_secret: str | None = None
    message_code: str | None = None
    locked: bool = False

    @property
    def has_second_factor(self) -> bool:
        return self.totp_secret is not None or self.message_code is not None

    def totp_period(self, code: str, *, now: datetime) -> int | None:
        """The period whose code of the authenticator app this is, if any: now's or, for slow clocks, one beside it."""
        if self.totp_secret is None:
            return None
        totp = pyotp.TOTP(self.totp_secret)
        present = totp.timecode(now)
        return next((each for each in (present - 1, present, present + 1) if same(code, totp.generate_otp(each))), None)


def account_of(accounts: Iterable[Account], user_name: str, password: str) -> Account | None:
    """The account that this user name and password open."""
    found = None
    for each in accounts:
        # All are compared, so that the time taken tells nothing.
        if same(user_name, each.user_name) & same(password, each.password):
            found = each
    return found


def same(one: str, other: str) -> bool:
    """Whether two secrets are the same, without telling by the time taken where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())

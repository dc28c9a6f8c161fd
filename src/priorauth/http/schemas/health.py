"""How the server is, on the wire."""

from typing import Literal

from pydantic import Field

from priorauth.http.schemas.base import View


class HealthView(View):
    """The server is alive."""

    status: Literal["ok"] = Field(default="ok", description="`ok`: the process answers.")


class ReadinessView(View):
    """The server can serve."""

    status: Literal["ready"] = Field(default="ready", description="`ready`: the database answers too.")

"""The other side of this plan: what it can be told, and at which points it can fail."""

from priorauth.sandbox import control

POINTS = (
    "member_search",
    "start",
    "service",
    "clinical",
    "upload",
    "documents",
    "review",
    "submit",
    "submit_response",
    "requests",
    "status",
)


def check_portal(told: object) -> str | None:
    """What is wrong with the `portal` part of a scenario of this plan, if anything."""
    return control.check_told(told, points=POINTS)


ROUTES = control.routes(check_portal)

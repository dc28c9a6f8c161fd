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
    problem = control.check_told(told, points=POINTS, keys=("personRequired",))
    if problem is not None or not isinstance(told, dict):
        return problem
    if not isinstance(told["behaviour"].get("personRequired", False), bool):
        return "behaviour.personRequired must be true or false"
    return None


ROUTES = control.routes(check_portal)

"""The demo: one case from its creation to the payer's decision, driven over HTTP as an integrator would.

It starts a server of its own on free ports, in a folder of its own, and says what it sees: each status as it comes,
what the browser does at the payer's portal, the review snapshot before it is approved, and what the payer has counted.
With `--watch` somebody can look on, and with `--handoff` somebody has to act: whoever runs it, in a browser.
"""

import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from priorauth.cli.demo.server import new_key, serving
from priorauth.cli.demo.sessions import Access, wait_for_enter
from priorauth.sandbox import catalog

_SCENARIO = "approved_after_review"
_HANDOFF_SCENARIO = "handoff_review_backed"
_PATIENCE_SECONDS = 90.0


def demo(
    *,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Tell where to watch the browser, and wait for Enter before the approval."),
    ] = False,
    handoff: Annotated[
        bool,
        typer.Option("--handoff", help="Let you press the payer's last button yourself, in the service's session."),
    ] = False,
) -> None:
    """Take one case from creation to the payer's decision, and show each step."""
    folder = Path(tempfile.mkdtemp(prefix="priorauth-demo-"))
    say = _narrator()
    # Whoever stops the demo stops its server too, however they do it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    say("Starting the server, its engine and a simulated health plan.")
    try:
        with serving(folder) as base_url:
            say(f"Serving at {base_url}")
            client = httpx.Client(
                base_url=base_url, headers={"Authorization": f"Bearer {new_key(folder)}"}, timeout=10, trust_env=False
            )
            with client:
                scenario = _HANDOFF_SCENARIO if handoff else _SCENARIO
                is_as_expected = _Integrator(client, say, scenario=scenario, watch=watch).run()
    finally:
        _leave(folder, say)
    raise typer.Exit(0 if is_as_expected else 1)


def _leave(folder: Path, say: Callable[[str], None]) -> None:
    """Remove the demo's data, however it has ended, and tell what it leaves."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    say(f"The demo's data are removed. What is left is the server's log and pictures; `rm -r {folder}` removes them.")
    say(f"Pictures of the payer's pages: {folder / 'screenshots'}")


class _Integrator:
    """A client that follows `status` and `nextAction`, and narrates."""

    def __init__(self, client: httpx.Client, say: Callable[[str], None], *, scenario: str, watch: bool) -> None:
        self._client = client
        self._say = say
        self._watch = watch
        self._seen: set[str] = set()
        self._scenario = self._get(f"/v1/sandbox/scenarios/{scenario}")
        self._watching: Access | None = None
        self._deadline = time.monotonic() + _PATIENCE_SECONDS

    def run(self) -> bool:
        """Drive the case to its end; say whether it is the one that the scenario expects."""
        self._say(f"Scenario: {self._scenario['title']}. {self._scenario['description']}")
        case = self._post("/v1/prior-authorizations", self._scenario["create"], key="demo-create")
        self._say(f"POST /v1/prior-authorizations: {case['id']}, {_state(case)}")
        while not self._is_over(case) and time.monotonic() < self._deadline:
            case = self._move(case) if case["nextAction"] else self._wait(case)
        self._show_end(case)
        return self._is_expected(case)

    def _is_over(self, case: dict[str, Any]) -> bool:
        return case["status"] in ("completed", "canceled") or self._is_expected(case)

    def _is_expected(self, case: dict[str, Any]) -> bool:
        expected = self._scenario["expects"][-1]
        return bool(case["status"] == expected["status"] and case["outcome"] == expected["outcome"])

    def _move(self, case: dict[str, Any]) -> dict[str, Any]:
        if case["nextAction"]["type"] == "provide_requirements":
            return self._provide(case)
        if case["nextAction"]["type"] == "complete_payer_interaction":
            return self._hand_over(case)
        if case["nextAction"]["type"] == "approve_submission":
            self._show_review(case["submission"]["reviewSnapshot"], "to be approved")
            if self._watch and not self._wait_for_enter("Press Enter to approve the submission", self._watching):
                self._say("Nobody is at the terminal: approved at once.")
        confirmed = self._post(
            f"/v1/prior-authorizations/{case['id']}/confirm",
            {"nextActionId": case["nextAction"]["id"]},
            key=f"demo-{case['nextAction']['id']}",
            version=case["version"],
        )
        self._say(f"POST …/confirm ({case['nextAction']['type']}): {_state(confirmed)}")
        return confirmed

    def _hand_over(self, case: dict[str, Any]) -> dict[str, Any]:
        """Let a human have the session, until they say that they are done; return the case after that."""
        self._say(f"Only a human can go on: {case['nextAction']['reason']['message']}")
        path = f"/v1/prior-authorizations/{case['id']}"
        accepted = case["nextAction"]["covers"]["reviewSnapshotId"]
        if accepted:
            self._show_review(case["submission"]["reviewSnapshot"], "accepted by whoever takes over")
        body = {"acceptedReviewSnapshotId": accepted} if accepted else {}
        key = f"demo-{case['nextAction']['id']}"
        handoff = self._post(f"{path}/manual-handoffs", body, key=key, version=case["version"])
        self._say(f"POST …/manual-handoffs: {handoff['id']}, {handoff['state']}")
        seen = self._access(case["id"], mode="read-only")
        used = self._access(case["id"], mode="interactive", handoff_id=handoff["id"])
        if not (seen.tell() and used.tell()):
            self._say("The session has just ended. The service brings it up again, and offers it anew.")
            return self._wait(case)
        code = self._scenario["resolves"]["oneTimeCode"]
        todo = f"enter the code {code}" if code else "press the button “Submit request”"
        self._say(f"Open the interactive address in a browser, press Start, and in the payer's page {todo}.")
        self._say("Press Done in the viewer, or come back here.")
        self._say("Whoever opens the read-only one sees the same and can do nothing.")
        done, report = "complete", {"reportedOutcome": "signed_in" if code else "submitted"}
        if not self._wait_for_enter("Press Enter here once you are done", seen, used):
            self._say("Nobody is at the terminal to say when the human is done: the case is given up.")
            done, report = "unable-to-complete", {"reason": "operator_abandoned_case"}
        closed = self._client.post(f"{path}/manual-handoffs/{handoff['id']}/{done}", json=report)
        if closed.status_code == httpx.codes.CONFLICT:
            self._say(f"POST …/{done}: {closed.json()['error']['message']}")
        else:
            result = _checked(closed).json()["result"]
            self._say(f"POST …/{done}: {result}; the service reads at the payer what is true.")
        return self._follow(case, handoff["id"])

    def _follow(self, case: dict[str, Any], handoff_id: str) -> dict[str, Any]:
        """Wait until the service has read at the payer what became of a human's turn; return the case after that."""
        path = f"/v1/prior-authorizations/{case['id']}"
        handoff = self._get(f"{path}/manual-handoffs/{handoff_id}")
        while handoff["state"] != "closed" and time.monotonic() < self._deadline:
            time.sleep(0.15)
            self._show_events(case["id"])
            handoff = self._get(f"{path}/manual-handoffs/{handoff_id}")
        self._say(f"After the human's turn, at the payer: {handoff['message']}")
        return self._show_progress(case, self._get(path))

    def _wait_for_enter(self, prompt: str, *keeping: Access | None) -> bool:
        """Wait for a person; what they take counts for nothing."""
        pressed = wait_for_enter(prompt, keeping=[each for each in keeping if each is not None and each.is_told])
        self._deadline = time.monotonic() + _PATIENCE_SECONDS
        return pressed

    def _access(self, authorization_id: str, *, mode: str, handoff_id: str | None = None) -> Access:
        kind = f"manual-handoffs/{handoff_id}" if handoff_id else "live-session"
        path = f"/v1/prior-authorizations/{authorization_id}/{kind}/access-grants"
        return Access(self._client.post, self._say, mode=mode, path=path)

    def _provide(self, case: dict[str, Any]) -> dict[str, Any]:
        for question in case["requirements"]["questions"]:
            self._say(f"  open question: {question['message']}")
        for missing in case["requirements"]["documents"]:
            self._say(f"  missing document {missing['type']}: {missing['message']}")
            case = self._attach(case, missing["type"])
        return case

    def _attach(self, case: dict[str, Any], document_type: str) -> dict[str, Any]:
        content = catalog.sample_document()
        declared = self._post(
            "/v1/files",
            {"fileName": "clinical-notes.pdf", "contentType": "application/pdf", "purpose": "authorization_attachment"},
        )
        upload = declared["upload"]
        _checked(httpx.put(upload["url"], content=content, headers=upload["headers"], trust_env=False))
        file = self._post(f"/v1/files/{declared['file']['id']}/complete", {})
        self._say(f"Uploaded clinical-notes.pdf ({len(content)} bytes): {file['status']}")
        attached = self._post(
            f"/v1/prior-authorizations/{case['id']}/attachments",
            {"fileId": file["id"], "documentTypes": [document_type]},
            version=case["version"],
        )
        self._say(f"POST …/attachments: {_state(attached)}")
        return attached

    def _wait(self, case: dict[str, Any]) -> dict[str, Any]:
        time.sleep(0.15)
        self._show_events(case["id"])
        if self._watch and self._watching is None:
            self._show_session(case["id"])
        return self._show_progress(case, self._get(f"/v1/prior-authorizations/{case['id']}"))

    def _show_progress(self, case: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
        if now["version"] != case["version"]:
            self._say(f"Status: {_state(now)}")
            receipt = now["submission"]["payerReceipt"]
            if receipt and not case["submission"]["payerReceipt"]:
                self._say(f"  the payer's receipt: {receipt['referenceNumber']}, received {receipt['receivedAt']}")
        return now

    def _show_session(self, authorization_id: str) -> None:
        """Tell where the session can be watched, as soon as it can be."""
        live = self._get(f"/v1/prior-authorizations/{authorization_id}/live-session")
        if live["access"]["available"]:
            watching = self._access(authorization_id, mode="read-only")
            self._watching = watching if watching.tell() else None

    def _show_events(self, authorization_id: str) -> None:
        entries = self._get(f"/v1/prior-authorizations/{authorization_id}/events?limit=50")["data"]
        for entry in reversed(entries):
            if entry["id"] not in self._seen and entry["type"] == "portal_page":
                self._say(f"  browser at the payer's portal: {entry['details']['page']}")
            elif entry["id"] not in self._seen and entry["type"] == "submission_intended":
                self._say("  the intent to submit is on disk; one final request is released")
            self._seen.add(entry["id"])

    def _show_review(self, snapshot: dict[str, Any], purpose: str) -> None:
        self._say(f"Review snapshot {snapshot['id']} ({snapshot['status']}), {purpose}:")
        summary = snapshot["summary"]
        for group in ("patient", "coverage", "provider", "service", "destination"):
            values = ", ".join(str(value) for value in summary[group].values() if value is not None)
            self._say(f"    {group:<12}{values}")
        self._say(f"    {'diagnoses':<12}{', '.join(summary['diagnoses'])}")
        for answered in summary["clinical"]:
            self._say(f"    {'clinical':<12}{answered['question']} {answered['answer']}")
        for attached in summary["documents"]:
            self._say(f"    {'document':<12}{attached['label']} ({', '.join(attached['documentTypes'])})")
        for warning in snapshot["warnings"]:
            self._say(f"    {'warning':<12}{warning['message']}")

    def _show_end(self, case: dict[str, Any]) -> None:
        decision = case["submission"]["decision"]
        reason = f", {case['statusReason']['message']}" if case["statusReason"] else ""
        self._say(f"The end: {case['status']}, outcome {case['outcome']}{reason}")
        if decision:
            shown = ("authorizationNumber", "approvedUnits", "effectiveFrom", "effectiveTo", "message")
            self._say("  " + ", ".join(f"{name} {decision[name]}" for name in shown if decision[name] is not None))
        portal = self._get("/v1/sandbox/portals")["data"][0]
        taken = _checked(httpx.get(portal["submissionsUrl"], trust_env=False)).json()["data"]
        count = sum(submission["caseReference"] == case["id"] for submission in taken)
        self._say(f"{portal['displayName']} has counted {count} submission of this case.")

    def _get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = _checked(self._client.get(path)).json()
        return found

    def _post(
        self, path: str, body: dict[str, Any], *, key: str | None = None, version: int | None = None
    ) -> dict[str, Any]:
        headers = {**({"Idempotency-Key": key} if key else {}), **({"If-Match": f'"{version}"'} if version else {})}
        answered: dict[str, Any] = _checked(self._client.post(path, json=body, headers=headers)).json()
        return answered


def _narrator() -> Callable[[str], None]:
    began = time.monotonic()

    def say(text: str) -> None:
        typer.echo(f"{time.monotonic() - began:6.1f} s  {text}")

    return say


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        typer.echo(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}", err=True
        )
        raise typer.Exit(1)
    return response


def _state(case: dict[str, Any]) -> str:
    action = case["nextAction"]
    return f"{case['status']}{', next: ' + action['type'] if action else ''} (version {case['version']})"

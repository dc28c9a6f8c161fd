"""The parts of the submission protocol, how each is taken out of the code, and the tests that claim to notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement in one file: `old` has to be there, exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """One part that is taken out. Each of `tests` has to fail then, and so has each of `runs` of the fault points."""

    part: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()


_PROCESSING = "src/priorauth/engine/processing.py"
_GUARD = "src/priorauth/channels/portals/guard.py"
_SUBMISSIONS = "src/priorauth/commands/submissions.py"
_ATTEMPTS = "tests/unit/domain/test_attempts.py"
_BOUNDARIES = "tests/unit/channels/test_guard_boundaries.py"
_BOUNDARY = "tests/portals/test_submit_boundary.py"
_HOLD = "tests/portals/test_gate_hold.py"
_PORTALS = "src/priorauth/channels/portals"
_SUBMIT_GUARD = f"{_PORTALS}/submit_guard"
_SUBMITTING = f"{_PORTALS}/submitting.py"
_PAGES = "tests/hostile/test_pages.py::test_only_what_was_approved_arrives_whatever_the_page_does"
_PERSONS = "tests/hostile/test_persons.py::test_what_a_person_who_means_ill_submits_is_refused"

# The request is permitted as it is, and nobody compares it.
_UNHELD = (
    "found = PermittedRequest(request.origin, request.method, request.path, request.query, request.named, "
    "request.variable)"
)

MUTATIONS = (
    Mutation(
        "the intent's commit",
        (
            Edit(
                _PROCESSING,
                "        async def intend() -> bool:\n",
                "        async def intend() -> bool:\n            return True\n",
            ),
        ),
        tests=("tests/e2e/test_scenarios.py::test_an_approved_case_tells_its_whole_story",),
        runs=("receipt_proven:before_commit / crash / automatic",),
    ),
    Mutation(
        "the guard's withholding",
        (
            Edit(
                _GUARD,
                "        if final and permit is None:\n",
                "        if final and self.is_spent:\n",
            ),
            Edit(
                _GUARD,
                "        if self._permit is None or not self._permit.permits(request) or not self._stands():\n",
                "        if self.is_spent or not self._stands():\n",
            ),
        ),
        tests=(
            "tests/unit/channels/test_guard.py::test_a_final_request_passes_only_while_released",
            f"{_BOUNDARY}::test_nothing_final_reaches_the_payer_before_the_release",
        ),
    ),
    Mutation(
        "the guard's one permit",
        (
            Edit(
                _GUARD,
                "        self._permit = None\n        self._state = PermitState.SENDING\n",
                "        self._state = PermitState.SENDING\n",
            ),
        ),
        tests=(
            "tests/unit/channels/test_guard.py::test_a_final_request_passes_only_while_released",
            "tests/portals/test_gate.py::test_what_the_browser_sends_again_by_itself_is_refused",
            "tests/portals/test_gate.py::test_nothing_final_leaves_before_release_and_then_exactly_once",
        ),
    ),
    Mutation(
        "the binding of the permit to its request",
        (
            Edit(
                f"{_SUBMIT_GUARD}/permits.py",
                "here == (request.origin, request.method, request.path, request.query)",
                "self.origin == request.origin",
            ),
        ),
        tests=(
            "tests/unit/channels/test_guard.py::test_anything_else_that_is_final_is_foreign",
            f"{_BOUNDARY}::test_a_page_that_uses_the_permit_for_something_else_ends_it",
        ),
    ),
    Mutation(
        "that a session writes to its own drafts alone",
        (Edit(_GUARD, "        return named is None or named <= self._own\n", "        return True\n"),),
        tests=(
            f"{_BOUNDARIES}::test_a_session_writes_to_its_own_drafts_alone",
            f"{_BOUNDARIES}::test_a_draft_of_another_session_is_neither_permitted_nor_held",
        ),
    ),
    Mutation(
        "the freeze of writes",
        (Edit(f"{_PORTALS}/gate.py", "await self._forwarding.freeze()", "self._forwarding.thaw()"),),
        tests=(
            f"{_HOLD}::test_frozen_writes_are_refused_and_reads_pass",
            f"{_HOLD}::test_freezing_waits_for_a_write_until_the_portal_has_answered",
        ),
    ),
    Mutation(
        "the hold of a person's request",
        (
            Edit(
                f"{_SUBMIT_GUARD}/finals.py",
                "found = await judge(outgoing)",
                _UNHELD,
            ),
        ),
        tests=(
            f"{_HOLD}::test_a_held_request_that_differs_is_refused_with_words_for_the_person",
            f"{_PERSONS}[larkspur-units]",
            f"{_PERSONS}[juniper-units]",
        ),
    ),
    Mutation(
        "the comparison of a person's draft",
        (Edit(_SUBMITTING, "            if differences:\n", "            if differences and not draft:\n"),),
        tests=(f"{_PERSONS}[larkspur-units]", f"{_PERSONS}[juniper-units]"),
    ),
    Mutation(
        "the comparison of the evidence",
        (Edit(f"{_PORTALS}/evidence.py", "    if not differences:\n", "    if shown.receipt:\n"),),
        tests=(
            "tests/unit/channels/test_evidence.py::test_page_that_names_something_else_is_a_mismatch",
            f"{_PAGES}[larkspur-receipt_of_another]",
        ),
    ),
    Mutation(
        "the claim outside the database",
        (
            Edit(
                _PROCESSING,
                "return await self._claims.claim(case.id, attempt_id=intended.journal.attempts[-1].id)",
                "return bool(intended)",
            ),
        ),
        tests=("tests/contracts/test_claims.py::test_a_taken_claim_sends_nothing_and_the_payer_is_asked",),
    ),
    Mutation(
        "the lookup: an open attempt is simply tried again",
        (
            Edit(
                _PROCESSING,
                "            found = await self._channels[case.route.channel].find(job)\n",
                "            found: Evidence | Absent | HumanNeeded = Absent()\n",
            ),
        ),
        tests=("tests/e2e/test_scenarios.py::test_a_scenario_ends_as_it_says[submit_response_lost]",),
        runs=("settle:before / error / answer lost",),
    ),
    Mutation(
        "the second look",
        (
            Edit(
                _SUBMISSIONS,
                "attempt.absence_proven_in(settles_after, now=looked_at) > 0:\n",
                "attempt.absence_proven_in(settles_after, now=looked_at) > 1e9:\n",
            ),
        ),
        tests=(
            f"{_ATTEMPTS}::test_two_misses_far_enough_apart_conclude_the_attempt",
            f"{_ATTEMPTS}::test_misses_in_quick_succession_prove_nothing_however_many",
            "tests/contracts/test_reconciling.py::test_what_may_have_left_is_absent_only_after_two_looks",
        ),
    ),
    Mutation(
        "that no search concludes what the portal answered with a success",
        (Edit(_SUBMISSIONS, "    if attempt.answered or attempt.", "    if attempt."),),
        tests=("tests/contracts/test_reconciling.py::test_what_the_portal_answered_well_is_never_absent",),
    ),
    Mutation(
        "that a look counts from when it began",
        (
            Edit(
                _SUBMISSIONS,
                "absence_proven_in(settles_after, now=looked_at)",
                "absence_proven_in(settles_after, now=moment.now)",
            ),
        ),
        tests=(f"{_ATTEMPTS}::test_a_look_that_began_too_early_proves_nothing_however_late_it_is_written_down",),
    ),
    Mutation(
        "fencing: the kernel's timer",
        (
            Edit(
                "src/priorauth/engine/leases.py",
                "    signal.setitimer(signal.ITIMER_REAL, seconds)\n",
                "    signal.setitimer(signal.ITIMER_REAL, seconds and 86_400)\n",
            ),
        ),
        tests=(
            "tests/contracts/test_leases.py::test_a_process_that_was_stopped_for_too_long_dies_before_it_does_anything",
        ),
    ),
    Mutation(
        "fencing: a permit is good only while the lease stands",
        (Edit(_GUARD, " or not self._stands():\n", ":\n"),),
        tests=("tests/unit/channels/test_guard.py::test_a_permit_is_good_only_while_its_owner_may_act",),
    ),
    Mutation(
        "the idempotent observation",
        (
            Edit(
                "src/priorauth/store/timeline.py",
                "        return self._connection.execute(query).first() is not None\n",
                "        return self._connection.execute(query).first() is None and False\n",
            ),
        ),
        tests=(
            "tests/contracts/test_store.py::test_an_observation_is_recorded_once_a_case",
            "tests/contracts/test_store.py::test_what_a_step_observed_is_noted_once_however_often_the_step_runs",
        ),
    ),
    Mutation(
        "the comparison of the draft before",
        (
            Edit(
                _SUBMITTING,
                "    if allowed is None or differences != allowed:\n        return False\n",
                "    if allowed is not None:\n        return True\n",
            ),
        ),
        tests=("tests/contracts/test_channels.py::test_a_page_that_shows_another_value_is_never_submitted_unapproved",),
    ),
    Mutation(
        "the approval",
        (
            Edit(
                "src/priorauth/domain/processing.py",
                "    if case.final_submission is FinalSubmission.AUTOMATIC:\n        return True\n",
                "    if case.final_submission:\n        return True\n",
            ),
        ),
        tests=("tests/unit/domain/test_processing.py::test_nothing_is_submitted_without_leave_or_twice",),
    ),
)

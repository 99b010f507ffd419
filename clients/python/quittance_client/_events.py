"""Following a job, without any input or output: events of the stream, and how long to wait for the next state."""

from __future__ import annotations

import time

from pydantic import ValidationError

from quittance_client._retries import RetryPolicy
from quittance_client.errors import APIResponseError, JobTimeoutError, QuittanceError
from quittance_client.models import Counts, FileState, Job, JobState

JobEvent = FileState | Counts | Job
"""The state of one file, the counts of the job, or at the end the whole job."""

FINAL_STATES: tuple[JobState, ...] = ("done", "cancelled")

_EVENTS: dict[str, type[FileState] | type[Counts] | type[Job]] = {"file": FileState, "progress": Counts, "done": Job}
_POLL_S = 1.0
_MIN_CALL_S = 0.5
# The gateway sends at least a comment every ten seconds; nearer to its end a wait must look at the clock more often.
_SILENCE_S = 15.0


class EventReader:
    """Reads server-sent events line by line."""

    def __init__(self) -> None:
        self._name = ""

    def read_line(self, line: str) -> JobEvent | None:
        """Return the event that a line completes; None for comments, other lines and events of later versions.

        Raises:
            APIResponseError: If the event does not match the API of this version.
        """
        key, _, value = line.partition(":")
        if key == "event":
            self._name = value.strip()
        elif key == "data" and self._name in _EVENTS:
            try:
                return _EVENTS[self._name].model_validate_json(value)
            except ValidationError as error:
                raise APIResponseError("An event of the job does not match the API of this version.") from error
        return None


class Watch:
    """One wait for a job: when to look again, and when to give up.

    A wait follows the event stream. It polls if it is asked to, if the stream has failed, or if less time is left than
    the stream may be silent.

    Args:
        job_id: ID of the job, for messages.
        timeout_s: Seconds until the wait ends; None for no limit.
        poll_s: Seconds between two polls; None to follow the event stream.
        policy: How long failures are tolerated.
    """

    def __init__(self, job_id: str, timeout_s: float | None, poll_s: float | None, policy: RetryPolicy) -> None:
        self._job_id = job_id
        self._timeout_s = timeout_s
        self._poll_s = poll_s
        self._policy = policy
        self._start = self._last_success = time.monotonic()
        self._failures = 0
        self._has_failed = False
        self._reported: Counts | None = None

    def should_poll(self) -> bool:
        """Return whether to ask for the next state rather than await it from the stream."""
        left_s = self._left_s()
        return self._poll_s is not None or self._has_failed or (left_s is not None and left_s < _SILENCE_S)

    def call_timeout_s(self) -> float | None:
        """Return the seconds that one poll may take; None for the default of the client."""
        left_s = self._left_s()
        return None if left_s is None else max(_MIN_CALL_S, left_s)

    def is_news(self, counts: Counts) -> bool:
        """Return whether counts differ from the last ones, and remember them."""
        is_news, self._reported = counts != self._reported, counts
        return is_news

    def note_success(self) -> None:
        """Note that the gateway has just answered."""
        self._failures, self._last_success = 0, time.monotonic()

    def delay_after_poll(self) -> float:
        """Return the seconds until the next poll.

        Raises:
            JobTimeoutError: If no time is left.
        """
        return self._limited(_POLL_S if self._poll_s is None else self._poll_s)

    def delay_after_failure(self, error: QuittanceError) -> float:
        """Return the seconds until the next poll after a failed one.

        Raises:
            QuittanceError: The error, if failures have gone on for longer than the policy tolerates.
            JobTimeoutError: If no time is left.
        """
        self._failures, self._has_failed = self._failures + 1, True
        if self._policy.max_attempts == 1 or time.monotonic() - self._last_success > self._policy.max_elapsed_s:
            raise error
        return self._limited(self._policy.delay_s(self._failures))

    def _limited(self, delay_s: float) -> float:
        left_s = self._left_s()
        if left_s is None:
            return delay_s
        if left_s <= 0:
            raise JobTimeoutError(f"The job {self._job_id} did not finish within {self._timeout_s:g} s.")
        return min(delay_s, left_s)

    def _left_s(self) -> float | None:
        return None if self._timeout_s is None else self._start + self._timeout_s - time.monotonic()

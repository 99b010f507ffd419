"""Health of a service: starting, ready, draining or broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from shared.contracts import Liveness, Readiness
from shared.problems import ProblemError

# No piece of work takes half of it, even on a machine with several times more load than cores.
STUCK_S = 120.0
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class WorkWatch:
    """Remembers since when each piece of work has been in progress. Thread-safe."""

    def __init__(self) -> None:
        """Begin without any."""
        self._since: dict[object, float] = {}

    def begin(self, work: object) -> None:
        """Note that a piece of work began."""
        self._since[work] = monotonic()

    def end(self, work: object) -> None:
        """Note that a piece of work ended."""
        self._since.pop(work, None)

    def busy_s(self) -> float:
        """Return the seconds since the oldest piece of work in progress began; 0 if there is none."""
        # A copy, because other threads begin and end work.
        return max((monotonic() - since for since in list(self._since.values())), default=0.0)


class Health:
    """Health of one application, updated by its lifespan and by the server that runs it.

    Attributes:
        model: Version of the weights once they are loaded and warmed up; None for a service without weights.
    """

    def __init__(self) -> None:
        """Begin in the starting state."""
        self.model: str | None = None
        self._is_started = False
        self._is_draining = False
        self._requirements: dict[str, Callable[[], bool]] = {}
        self._conditions: list[Callable[[], str | None]] = []
        self._find_awaited: Callable[[], Sequence[str]] = tuple
        self._watched: dict[str, Callable[[], float]] = {}

    def start(self) -> None:
        """Record that the service is warming up, possibly after an earlier run."""
        self._is_started = self._is_draining = False

    def mark_ready(self, model: str | None) -> None:
        """Record that the service is warmed up, and with which weights; a draining service stays unready."""
        self.model = model
        self._is_started = True

    def drain(self) -> None:
        """Record that the service is shutting down."""
        self._is_draining = True

    def require(self, name: str, is_working: Callable[[], bool]) -> None:
        """Make readiness depend on a part, as in `health.require("batcher", lambda: batcher.is_alive)`."""
        self._requirements[name] = is_working

    def add_condition(self, find_problem: Callable[[], str | None]) -> None:
        """Make readiness depend on something that an operator can repair while the service runs.

        Args:
            find_problem: Returns what is wrong, None if nothing is.
        """
        self._conditions.append(find_problem)

    def await_others(self, find_awaited: Callable[[], Sequence[str]]) -> None:
        """Make the first readiness depend on other services; requests are answered meanwhile as far as possible.

        Args:
            find_awaited: Returns the names of services that have never been ready.
        """
        self._find_awaited = find_awaited

    def watch(self, name: str, busy_s: Callable[[], float]) -> None:
        """Make liveness depend on a part that is bounded in time, as in `health.watch("batcher", batcher.busy_s)`.

        Args:
            name: Name of the part.
            busy_s: Returns for how many seconds it has been at the same piece of work.
        """
        self._watched[name] = busy_s

    @property
    def busy_s(self) -> float:
        """For how many seconds the slowest part has been at the same piece of work."""
        return max((busy_s() for busy_s in self._watched.values()), default=0.0)

    @property
    def stuck_parts(self) -> list[str]:
        """Names of the parts that have been at the same piece of work for longer than any may take."""
        return [name for name, busy_s in self._watched.items() if busy_s() > STUCK_S]

    def require_alive(self) -> Liveness:
        """Return the state of a service whose parts make progress.

        Raises:
            ProblemError: 503 `stuck`.
        """
        if stuck := self.stuck_parts:
            detail = f"These parts are stuck: {', '.join(stuck)}. The service must be restarted."
            raise _unready_problem("stuck", "The service is stuck", detail, 5)
        return Liveness(status="ok")

    @property
    def problems(self) -> list[str]:
        """What an operator has to repair before the service is ready again."""
        return [problem for find_problem in self._conditions if (problem := find_problem()) is not None]

    @property
    def is_starting(self) -> bool:
        """Whether the service is not warmed up yet."""
        return not self._is_started

    @property
    def is_draining(self) -> bool:
        """Whether the service is shutting down."""
        return self._is_draining

    @property
    def broken_parts(self) -> list[str]:
        """Names of the required parts that failed; empty while the service is starting or draining."""
        if self.is_starting or self._is_draining:
            return []
        failed = [name for name, is_working in self._requirements.items() if not is_working()]
        return failed + self.stuck_parts

    @property
    def is_ready(self) -> bool:
        """Whether the service accepts work."""
        is_up = not (self.is_starting or self._is_draining or self._find_awaited())
        return is_up and not (self.broken_parts or self.problems)

    def require_ready(self) -> Readiness:
        """Return the state of a ready service.

        Raises:
            ProblemError: 503 `starting`, `draining`, `broken` or `impaired`.
        """
        if self.is_starting:
            raise _unready_problem("starting", "The service is starting", "The service is still warming up.", 2)
        if self._is_draining:
            raise _unready_problem("draining", "The service is shutting down", "The service is about to stop.", 5)
        if awaited := self._find_awaited():
            detail = f"These services have not been ready yet: {', '.join(awaited)}."
            raise _unready_problem("starting", "The service is starting", detail, 2)
        if broken := self.broken_parts:
            detail = f"These parts failed: {', '.join(broken)}. The service must be restarted."
            raise _unready_problem("broken", "The service is broken", detail, 5)
        if problems := self.problems:
            raise _unready_problem("impaired", "The service needs attention", " ".join(problems), 5)
        return Readiness(status="ready", model=self.model)


def _unready_problem(code: str, title: str, detail: str, retry_after_s: int) -> ProblemError:
    return ProblemError(503, code, title, detail, headers={"Retry-After": str(retry_after_s)})

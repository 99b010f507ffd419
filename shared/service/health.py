"""Whether a service takes work: starting, ready, draining, or broken."""

from __future__ import annotations

from collections.abc import Callable

from shared.contracts import Readiness
from shared.problems import ProblemError

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class Health:
    """State of one application, changed by its lifespan and by the server that runs it.

    Attributes:
        model: Version of the weights, once they are loaded and warmed up; None for a service without any.
    """

    def __init__(self) -> None:
        """Begins as starting."""
        self.model: str | None = None
        self._started = False
        self._draining = False
        self._needs: dict[str, Callable[[], bool]] = {}

    def start(self) -> None:
        """Tells that the service begins to warm up, also after it had ended."""
        self._started = self._draining = False

    def ready(self, model: str | None) -> None:
        """Tells that the service is warmed up, and with which weights; one that is already to end stays unready."""
        self.model = model
        self._started = True

    def drain(self) -> None:
        """Tells that the service is about to end."""
        self._draining = True

    def require(self, name: str, works: Callable[[], bool]) -> None:
        """Makes readiness depend on something, such as `health.require("batcher", lambda: batcher.alive)`."""
        self._needs[name] = works

    @property
    def starting(self) -> bool:
        """Whether the service is not warmed up yet."""
        return not self._started

    @property
    def draining(self) -> bool:
        """Whether the service is about to end."""
        return self._draining

    @property
    def broken(self) -> list[str]:
        """Names of what is needed and does not work although the service has started and does not end."""
        if self.starting or self._draining:
            return []
        return [name for name, works in self._needs.items() if not works()]

    @property
    def is_ready(self) -> bool:
        """Whether the service takes work: what `check` would say."""
        return not (self.starting or self._draining or self.broken)

    def check(self) -> Readiness:
        """Gives the state of a service that is ready.

        Raises:
            ProblemError: 503 `starting`, `draining` or `broken`.
        """
        if self.starting:
            raise _unready("starting", "The service is starting", "The service is not warmed up yet.", "2")
        if self._draining:
            raise _unready("draining", "The service is shutting down", "The service is about to end.", "5")
        if broken := self.broken:
            detail = f"These parts failed: {', '.join(broken)}. The service has to be started anew."
            raise _unready("broken", "The service is broken", detail, "5")
        return Readiness(status="ready", model=self.model)


def _unready(code: str, title: str, detail: str, retry_after_s: str) -> ProblemError:
    return ProblemError(503, code, title, detail, headers={"Retry-After": retry_after_s})

"""What a caller of the gateway is told when a stage does not do its part."""

from __future__ import annotations

from typing import Any

import httpx2

from shared.problems import ProblemError

# A stage that refuses the picture, say because its limits are narrower, tells why in words for people: those are passed
# on. Any other 4xx means that the gateway asked wrongly (a URL that leads elsewhere, a release that does not fit):
# nothing the caller can mend.
_ABOUT_THE_PICTURE = frozenset(
    {
        "empty-body",
        "picture-damaged",
        "picture-too-large",
        "picture-too-small",
        "unsupported-format",
        "upload-too-large",
    }
)
_TOO_MUCH_TEXT = frozenset({"too-many-quads", "text-too-long"})
_BUSY_OR_DOWN = frozenset({429, 502, 503, 504})
_BRIEFLY_DOWN = frozenset({502, 503})
_BUSY = frozenset({"overloaded"})
_RETRY_AFTER_S = 2


class StageDownError(ProblemError):
    """503: the stage does not answer, or says that it cannot."""


class BrieflyDownError(StageDownError):
    """503: the same, but the stage may be there again at once; or another process that does its work is."""


def unreachable(stage: str, what: str, *, retry_after: str | None = None, briefly: bool = False) -> StageDownError:
    """503: the stage is down, starting, or too slow; `briefly` if it is worth trying again at once."""
    return (BrieflyDownError if briefly else StageDownError)(**_unavailable(stage, what, retry_after))


def overloaded(stage: str, reason: str, retry_after: str | None) -> ProblemError:
    """503: the stage is well, but has too much to do."""
    return ProblemError(**_unavailable(stage, f"does not take work at the moment{reason}", retry_after))


def _unavailable(stage: str, what: str, retry_after: str | None) -> dict[str, Any]:
    return {
        "status": 503,
        "code": "stage-unavailable",
        "title": f"The {stage} is unavailable",
        "detail": f"The {stage} {what}, so this receipt cannot be read now. Try again later.",
        "headers": {"Retry-After": retry_after or str(_RETRY_AFTER_S)},
        "extra": {"stage": stage},
    }


def answered_wrongly(stage: str, what: str) -> ProblemError:
    """502: the stage answers, but not with what it should."""
    return ProblemError(
        status=502,
        code="stage-failed",
        title=f"The {stage} failed",
        detail=f"The {stage} failed: {what}. Trying again may not help; tell whoever runs this service.",
        extra={"stage": stage},
    )


def deadline_passed(stage: str, seconds: float) -> ProblemError:
    """504: the time for the whole receipt was over while the stage was at work."""
    return ProblemError(
        status=504,
        code="deadline-exceeded",
        title="The request took too long",
        detail=f"The receipt was not read within {seconds:g} seconds; the {stage} was at work. Try a smaller picture, "
        "or again when there is less to do.",
        headers={"Retry-After": str(_RETRY_AFTER_S)},
        extra={"stage": stage},
    )


def too_much_text(stage: str, limit: str) -> ProblemError:
    """413: the picture holds more text than any receipt; `limit` is a sentence that tells the stage's limit."""
    return ProblemError(
        status=413,
        code="too-much-text",
        title="There is too much text",
        detail=f"The picture holds more text than the {stage} takes. {limit} Send a picture of one receipt.",
        extra={"stage": stage},
    )


def refused(stage: str, response: httpx2.Response) -> ProblemError:
    """Turns an error of a stage into the gateway's: what is about the input is passed on, the rest is the stage's.

    Args:
        stage: Name of the stage.
        response: Its answer, with a status other than 200.
    """
    problem = _problem(response)
    status = response.status_code
    code = problem["type"].rpartition(":")[2] if problem is not None else ""
    if problem is not None and status < 500 and code in _ABOUT_THE_PICTURE:
        return ProblemError(
            status=status,
            code=code,
            title=problem["title"],
            detail=problem["detail"],
            extra={"stage": stage},
        )
    if problem is not None and code in _TOO_MUCH_TEXT:
        return too_much_text(stage, problem["detail"])
    if status in _BUSY_OR_DOWN:
        reason = f" ({problem['title']})" if problem is not None else ""
        retry_after = response.headers.get("Retry-After")
        if code in _BUSY or status == httpx2.codes.TOO_MANY_REQUESTS:
            return overloaded(stage, reason, retry_after)
        return unreachable(
            stage,
            f"does not take work at the moment{reason}",
            retry_after=retry_after,
            briefly=status in _BRIEFLY_DOWN,
        )
    return answered_wrongly(stage, f"it answered with the status {status}{f' ({code})' if code else ''}")


def is_deadline(response: httpx2.Response) -> bool:
    """Whether a stage says that the time it was granted is over."""
    if response.status_code != httpx2.codes.GATEWAY_TIMEOUT:
        return False
    problem = _problem(response)
    return problem is not None and problem["type"].endswith(":deadline-exceeded")


def _problem(response: httpx2.Response) -> dict[str, Any] | None:
    """Gives the problem in an answer, or None if it is not one that can be passed on."""
    try:
        content = response.json()
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    return content if all(isinstance(content.get(key), str) for key in ("type", "title", "detail")) else None

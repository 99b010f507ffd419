"""Problems that callers of the gateway see when a stage fails."""

from __future__ import annotations

from typing import Any

import httpx2

from shared.problems import ProblemError

# A stage that refuses the picture, for example because its limits are narrower, says why in words for people; those
# are passed on. Any other 4xx means that the gateway sent a wrong request (the URL leads elsewhere, or the releases do
# not match), which the caller cannot fix.
_PICTURE_CODES = frozenset(
    {
        "empty-body",
        "picture-damaged",
        "picture-too-large",
        "picture-too-slow",
        "picture-too-small",
        "unsupported-format",
        "upload-too-large",
    }
)
_TOO_MUCH_TEXT_CODES = frozenset({"too-many-quads", "text-too-long"})
_OVERLOADED_CODES = frozenset({"overloaded"})
_UNAVAILABLE_STATUSES = frozenset({429, 502, 503, 504})
_BRIEFLY_DOWN_STATUSES = frozenset({502, 503})
_RETRY_AFTER_S = 2


class StageDownError(ProblemError):
    """503: the stage does not answer, or says that it cannot."""


class BrieflyDownError(StageDownError):
    """503: the stage is down, but it, or another process that does its work, may be back at once."""


def stage_down_problem(
    stage: str, reason: str, *, retry_after: str | None = None, briefly: bool = False
) -> StageDownError:
    """Return a 503: the stage is down, starting or too slow.

    Args:
        stage: Name of the stage.
        reason: What the stage does or does not do, such as "cannot be reached".
        retry_after: Seconds, as in the header.
        briefly: Whether another attempt at once is worthwhile.
    """
    return (BrieflyDownError if briefly else StageDownError)(**_describe_unavailable(stage, reason, retry_after))


def stage_overloaded_problem(stage: str, reason: str, retry_after: str | None) -> ProblemError:
    """Return a 503: the stage is up, but has too much to do."""
    return ProblemError(**_describe_unavailable(stage, f"does not accept work at the moment{reason}", retry_after))


def stage_failed_problem(stage: str, reason: str) -> ProblemError:
    """Return a 502: the stage answered, but not as the contract says."""
    return ProblemError(
        status=502,
        code="stage-failed",
        title=f"The {stage} failed",
        detail=f"The {stage} failed: {reason}. Retrying may not help; tell the operator of this service.",
        extra={"stage": stage},
    )


def stage_deadline_problem(stage: str, seconds: float) -> ProblemError:
    """Return a 504: the time for the whole receipt was over while the stage was working."""
    return ProblemError(
        status=504,
        code="deadline-exceeded",
        title="The request took too long",
        detail=f"The receipt was not read within {seconds:g} seconds; the {stage} was working on it. Send a smaller "
        "picture, or try again when the service is less busy.",
        headers={"Retry-After": str(_RETRY_AFTER_S)},
        extra={"stage": stage},
    )


def too_much_text_problem(stage: str, limit: str) -> ProblemError:
    """Return a 413: the picture has more text than any receipt; `limit` is a sentence about the stage's limit."""
    return ProblemError(
        status=413,
        code="too-much-text",
        title="There is too much text",
        detail=f"The picture has more text than the {stage} accepts. {limit} Send a picture of one receipt.",
        extra={"stage": stage},
    )


def translate_refusal(stage: str, response: httpx2.Response) -> ProblemError:
    """Translate a stage's error: what concerns the picture is passed on, anything else is the stage's failure.

    Args:
        stage: Name of the stage.
        response: Its response, with a status other than 200.
    """
    problem = _parse_problem(response)
    status = response.status_code
    code = problem["type"].rpartition(":")[2] if problem is not None else ""
    if problem is not None and status < 500 and code in _PICTURE_CODES:
        return ProblemError(
            status=status,
            code=code,
            title=problem["title"],
            detail=problem["detail"],
            extra={"stage": stage},
        )
    if problem is not None and code in _TOO_MUCH_TEXT_CODES:
        return too_much_text_problem(stage, problem["detail"])
    if status in _UNAVAILABLE_STATUSES:
        reason = f" ({problem['title']})" if problem is not None else ""
        retry_after = response.headers.get("Retry-After")
        if code in _OVERLOADED_CODES or status == httpx2.codes.TOO_MANY_REQUESTS:
            return stage_overloaded_problem(stage, reason, retry_after)
        return stage_down_problem(
            stage,
            f"does not accept work at the moment{reason}",
            retry_after=retry_after,
            briefly=status in _BRIEFLY_DOWN_STATUSES,
        )
    return stage_failed_problem(stage, f"it answered with status {status}{f' ({code})' if code else ''}")


def is_deadline_exceeded(response: httpx2.Response) -> bool:
    """Whether a stage says that the time granted to it is over."""
    if response.status_code != httpx2.codes.GATEWAY_TIMEOUT:
        return False
    problem = _parse_problem(response)
    return problem is not None and problem["type"].endswith(":deadline-exceeded")


def describe_failure(error: ProblemError) -> dict[str, str]:
    """Return log fields: the stage, what callers see, and the cause, without anything from the receipt."""
    cause = error.__cause__
    # Validation errors quote the response, and with it the receipt.
    is_loggable = cause is not None and not isinstance(cause, ValueError)
    return {
        "stage": str(error.extra.get("stage", "")),
        "code": error.code,
        "detail": error.detail,
        "cause": f"{type(cause).__name__}: {cause}" if is_loggable else "",
    }


def _describe_unavailable(stage: str, reason: str, retry_after: str | None) -> dict[str, Any]:
    return {
        "status": 503,
        "code": "stage-unavailable",
        "title": f"The {stage} is unavailable",
        "detail": f"The {stage} {reason}, so the receipt cannot be read now. Try again later.",
        "headers": {"Retry-After": retry_after or str(_RETRY_AFTER_S)},
        "extra": {"stage": stage},
    }


def _parse_problem(response: httpx2.Response) -> dict[str, Any] | None:
    """Return the problem in a response, or None if there is none that can be passed on."""
    try:
        content = response.json()
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    return content if all(isinstance(content.get(key), str) for key in ("type", "title", "detail")) else None

"""The rows of jobs in the database: what a job store reads and changes in one transaction.

A change of a job begins with a lock of its row, so that changes of one job follow each other; in SQLite, all do.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from gateway.jobs.contracts import FileState
from gateway.jobs.model import Delivery, DueWebhook, JobOptions, JobRecord, Outcome, Snapshot, parse_file_states
from gateway.storage.database.schema import files, jobs, usage
from gateway.storage.database.statements import lock_for_transaction, replace_rows

# Of the advisory lock on the bytes of all jobs together.
_QUOTA_LOCK = 0x71756F7461


def insert_job(record: JobRecord, expires: float, connection: Connection) -> None:
    """Insert a job that is not visible yet."""
    options = record.options.model_dump_json()
    connection.execute(insert(jobs).values(id=record.id, created=record.created, expires=expires, options=options))


def count_bytes(job_id: str, index: int, size: int, limit: int, connection: Connection) -> bool:
    """Count so many bytes for a file from now on; return False, counting nothing, if that exceeds the limit of all."""
    key = (usage.c.job_id == job_id, usage.c.number == index)
    counted = connection.execute(select(usage.c.bytes).where(*key)).scalar() or 0
    if size > counted:
        # No one else may count meanwhile.
        lock_for_transaction(connection, _QUOTA_LOCK)
        total = int(connection.execute(select(func.coalesce(func.sum(usage.c.bytes), 0))).scalar_one())
        if total - counted + size > limit:
            return False
    replace_rows(connection, usage, [{"job_id": job_id, "number": index, "bytes": size}])
    return True


def lock_job(job_id: str, connection: Connection) -> bool:
    """Lock the row of a job; return whether it exists."""
    return connection.execute(select(jobs.c.id).where(jobs.c.id == job_id).with_for_update()).first() is not None


def show_job(record: JobRecord, states: Sequence[FileState], connection: Connection) -> bool:
    """Make a job visible, with its files; return whether it still existed."""
    finished = time.time() if all(file.state == "failed" for file in states) else None
    # Again with the options, because a field of the form may follow the files.
    shown = {"revision": 1, "finished": finished, "options": record.options.model_dump_json()}
    changed = connection.execute(update(jobs).where(jobs.c.id == record.id).values(**shown, expires=record.expires))
    if not changed.rowcount:
        return False
    rows = [
        {
            "job_id": record.id,
            "number": file.index,
            # PostgreSQL has no text with this character.
            "name": file.name.replace("\0", "\N{REPLACEMENT CHARACTER}"),
            "state": file.state,
            "revision": 1,
            "told": file.model_dump_json(),
        }
        for file in states
    ]
    if rows:
        connection.execute(insert(files), rows)
    if finished is not None:
        make_webhook_due(connection, record.id)
    return True


def find_job(job_id: str, connection: Connection) -> Snapshot | None:
    """Return a visible job that has not expired."""
    job = connection.execute(select(jobs).where(jobs.c.id == job_id, jobs.c.revision > 0)).first()
    if job is None or job.expires < time.time():
        return None
    told = connection.execute(select(files.c.told).where(files.c.job_id == job_id).order_by(files.c.number)).scalars()
    record = JobRecord(job_id, job.created, job.expires, JobOptions.model_validate_json(job.options))
    delivery = Delivery(job.webhook_attempts, job.webhook_at is not None, job.webhook_error, job.webhook_delivered)
    return Snapshot(record, parse_file_states(told), job.finished, job.revision, delivery)


def find_revisions(job_ids: Sequence[str], connection: Connection) -> dict[str, int]:
    """Return the revisions of the visible jobs among some."""
    statement = select(jobs.c.id, jobs.c.revision).where(jobs.c.revision > 0, jobs.c.id.in_(job_ids))
    return {row.id: row.revision for row in connection.execute(statement)}


def find_changes(job_id: str, revision: int, connection: Connection) -> tuple[int, list[FileState]] | None:
    """Return the revision of a visible job, and the files that changed after another revision."""
    current = find_revisions([job_id], connection).get(job_id)
    if current is None:
        return None
    changed = select(files.c.told).where(files.c.job_id == job_id, files.c.revision > revision)
    return current, parse_file_states(connection.execute(changed.order_by(files.c.revision)).scalars())


def lock_unfinished(job_id: str, index: int, connection: Connection) -> Row[Any, Any, Any] | None:
    """Lock a job; return name, attempts and options of one of its files, if that is not finished."""
    if not lock_job(job_id, connection):
        return None
    statement = select(files.c.name, files.c.attempts, jobs.c.options).join_from(files, jobs)
    key = (files.c.job_id == job_id, files.c.number == index)
    return connection.execute(statement.where(*key, files.c.state.in_(["queued", "running"]))).first()


def update_file(
    connection: Connection, job_id: str, state: FileState, *, attempts: int, receipts: str | None = None
) -> None:
    """Change a file, with the next revision of its job."""
    next_revision = update(jobs).where(jobs.c.id == job_id).values(revision=jobs.c.revision + 1)
    revision = connection.execute(next_revision.returning(jobs.c.revision)).scalar_one()
    changes = {"state": state.state, "attempts": attempts, "revision": revision, "told": state.model_dump_json()}
    key = (files.c.job_id == job_id, files.c.number == state.index)
    connection.execute(update(files).where(*key).values(**changes, receipts=receipts))


def finish_job_if_done(connection: Connection, job_id: str) -> None:
    """Finish a job all of whose files are finished."""
    unfinished = select(func.count()).where(files.c.job_id == job_id, files.c.state.in_(["queued", "running"]))
    if connection.execute(unfinished).scalar_one() == 0:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(finished=time.time()))
        make_webhook_due(connection, job_id)


def find_next_queued(job_id: str, index: int, step: int, connection: Connection) -> int | None:
    """Return what `JobStore.find_next_queued` does."""
    row = connection.execute(
        select(files.c.number, files.c.state)
        .where(files.c.job_id == job_id, files.c.number > index, files.c.number % step == index % step)
        .where(files.c.state != "failed")
        .order_by(files.c.number)
        .limit(1)
    ).first()
    return row.number if row is not None and row.state == "queued" else None


def find_outcomes(job_id: str, indices: Sequence[int], connection: Connection) -> list[Outcome]:
    """Return the outcomes of files, in the order of `indices`."""
    statement = select(files.c.number, files.c.told, files.c.receipts)
    rows = connection.execute(statement.where(files.c.job_id == job_id, files.c.number.in_(indices)))
    outcomes = {row.number: Outcome.from_json(row.receipts, row.told) for row in rows}
    return [outcomes[index] for index in indices if index in outcomes]


def find_expired(connection: Connection) -> list[str]:
    """Return the IDs of the jobs that have expired, visible or not."""
    return list(connection.execute(select(jobs.c.id).where(jobs.c.expires < time.time())).scalars())


def delete_jobs(job_ids: Sequence[str], connection: Connection) -> int:
    """Delete jobs with all rows about them; return how many existed."""
    connection.execute(delete(files).where(files.c.job_id.in_(job_ids)))
    connection.execute(delete(usage).where(usage.c.job_id.in_(job_ids)))
    return connection.execute(delete(jobs).where(jobs.c.id.in_(job_ids))).rowcount


def lease_due_webhook(lease_s: float, connection: Connection) -> DueWebhook | None:
    """Take the webhook that has been due for longest, and count the attempt."""
    now = time.time()
    due = select(jobs.c.id).where(jobs.c.webhook_at <= now).order_by(jobs.c.webhook_at).limit(1)
    row = connection.execute(
        update(jobs)
        .where(jobs.c.id == due.with_for_update(skip_locked=True).scalar_subquery())
        .values(webhook_at=now + lease_s, webhook_attempts=jobs.c.webhook_attempts + 1)
        .returning(jobs.c.id, jobs.c.options, jobs.c.webhook_attempts)
    ).first()
    if row is None:
        return None
    return DueWebhook(row.id, JobOptions.model_validate_json(row.options).webhook_url or "", row.webhook_attempts)


def postpone_webhook(job_id: str, delay_s: float, connection: Connection) -> None:
    """Make a webhook due later, without the attempt that was counted when it was taken."""
    changes = {"webhook_at": time.time() + delay_s, "webhook_attempts": jobs.c.webhook_attempts - 1}
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(changes))


def confirm_webhook(job_id: str, connection: Connection) -> None:
    """Note that a webhook has arrived."""
    changes = {"webhook_at": None, "webhook_delivered": time.time()}
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(changes))


def fail_webhook(job_id: str, error: str, retry_in_s: float | None, connection: Connection) -> None:
    """Note why a webhook failed, and schedule the next attempt or, with None, give up."""
    at = None if retry_in_s is None else time.time() + retry_in_s
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(webhook_at=at, webhook_error=error))


def make_webhook_due(connection: Connection, job_id: str) -> None:
    """Make the webhook of a job due now, if it has one."""
    options = connection.execute(select(jobs.c.options).where(jobs.c.id == job_id)).scalar_one()
    if JobOptions.model_validate_json(options).webhook_url is not None:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(webhook_at=time.time()))

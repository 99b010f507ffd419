"""Settings of jobs, a part of those of the gateway."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from gateway.jobs.intake.archives import JobLimits
from gateway.jobs.webhooks.signatures import secret_of
from shared.service.settings import ServiceSettings


class JobSettings(ServiceSettings):
    """What a gateway can be told about jobs."""

    job_concurrency: int = Field(
        default=2, ge=0, description="Most files of jobs that this process reads at once; 0 leaves them to others."
    )
    job_ttl_s: int = Field(default=86_400, ge=60, description="Seconds a job and its results are kept.")
    job_max_files: int = Field(default=1000, ge=1, description="Most files of one job, those in zips included.")
    job_max_bytes: int = Field(
        default=256 * 2**20, ge=1, description="Most bytes of one job, as it is sent and once it is unpacked."
    )
    job_upload_timeout_s: float = Field(default=600.0, gt=0, description="Longest time to send a job; then 408.")
    job_lease_s: float = Field(
        default=15.0, ge=1, description="Seconds after which the files that a killed process had in hand go to another."
    )
    job_redis: bool = Field(
        default=True,
        description="on or off: whether jobs are kept in Redis, if there is one, or on the disk.",
    )

    webhook_secret: SecretStr | None = Field(
        default=None, description="Signs webhooks: whsec_ and the base64 of 24 to 64 random bytes; none: no webhooks."
    )
    webhook_private_addresses: bool = Field(
        default=False, description="on or off: whether webhooks may go to private addresses, such as this machine's."
    )

    @field_validator("webhook_secret")
    @classmethod
    def _is_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            secret_of(value.get_secret_value())
        return value

    @property
    def job_limits(self) -> JobLimits:
        """Limits of one job."""
        return JobLimits(self.job_max_files, self.job_max_bytes, self.max_upload_bytes)

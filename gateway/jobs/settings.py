"""Settings of jobs, a part of those of the gateway."""

from __future__ import annotations

from pydantic import Field

from gateway.jobs.archives import JobLimits
from shared.settings import ServiceSettings


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

    @property
    def job_limits(self) -> JobLimits:
        """Limits of one job."""
        return JobLimits(self.job_max_files, self.job_max_bytes, self.max_upload_bytes)

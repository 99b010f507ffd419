"""What to extract, and with what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from bulk.review import DEFAULT_THRESHOLD
from gateway.settings import GatewaySettings
from services.detector.settings import DetectorSettings
from services.extractor.settings import ExtractorSettings
from services.recognizer.settings import RecognizerSettings
from shared.contracts import Split
from shared.service.settings import EnvironmentSettings

# Lost if the run is stopped: read, but not yet in a file.
DEFAULT_ROWS_PER_FILE = 256


@dataclass(frozen=True)
class StageOptions:
    """Settings of the services that differ from their defaults. They go to machines with other paths and environments.

    Attributes:
        gateway: Limits on files.
        detector: Of the detector.
        recognizer: Of the recognizer.
        extractor: Of the extractor.
    """

    gateway: dict[str, Any] = field(default_factory=dict)
    detector: dict[str, Any] = field(default_factory=dict)
    recognizer: dict[str, Any] = field(default_factory=dict)
    extractor: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings of this process.

        Raises:
            SettingsError: If one is not valid.
        """
        return cls(
            _find_changes(GatewaySettings.from_environment()),
            _find_changes(DetectorSettings.from_environment()),
            _find_changes(RecognizerSettings.from_environment()),
            _find_changes(ExtractorSettings.from_environment()),
        )


@dataclass(frozen=True)
class BulkOptions:
    """What to extract, and with what.

    Attributes:
        inputs: Paths and URLs of files, folders and shards, and patterns.
        output: Path or URL of the output folder.
        address: Address of a Ray cluster; None to start one on this machine.
        cpus: Cores to use on this machine; None for all.
        gpus_per_actor: See `bulk.plan.make_plan`.
        max_actors: See `bulk.plan.make_plan`.
        split: How to separate the receipts in a file; None to take each file as one.
        threshold: Confidence below which a field needs review.
        rows_per_file: Rows of an output file.
        object_store_bytes: Memory for pixels between the stages on this machine; None for Ray's default, a third.
        stages: Settings of the services.
    """

    inputs: tuple[str, ...]
    output: str
    address: str | None = None
    cpus: int | None = None
    gpus_per_actor: float | None = None
    max_actors: int | None = None
    split: Split | None = None
    threshold: float = DEFAULT_THRESHOLD
    rows_per_file: int = DEFAULT_ROWS_PER_FILE
    object_store_bytes: int | None = None
    stages: StageOptions = field(default_factory=StageOptions)


def _find_changes(settings: EnvironmentSettings) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in settings:
        if isinstance(value, EnvironmentSettings):
            changes |= _find_changes(value)
        elif value != type(settings).model_fields[name].get_default(call_default_factory=True):
            changes[name] = value
    return changes

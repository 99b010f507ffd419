"""Write deploy/requirements/*.txt: every package of the container images, with exact version and hashes.

`make lock` runs it. The pins come from pyproject.toml; uv adds what they depend on. torch is not locked: the images for
GPUs install it from the index given as a build argument.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "deploy" / "requirements"
# The Python of the images, see deploy/Dockerfile.
_PYTHON = "3.11"
_PIP = "pip==26.3"
_HEADER = "# Written by `make lock` from pyproject.toml. Do not edit.\n"


def main() -> None:
    """Write the lock files of the build tools, the models, bulk extraction and the gateway."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    traces = project["project"]["optional-dependencies"]["traces"]
    FOLDER.mkdir(exist_ok=True)
    lock("build", [*project["build-system"]["requires"], _PIP])
    lock("models", [*project["project"]["dependencies"], *traces])
    cluster = [*project["project"]["optional-dependencies"]["bulk"], *project["dependency-groups"]["cluster"]]
    lock("bulk", [*project["project"]["dependencies"], *traces, *cluster], constraints=FOLDER / "models.txt")
    # The gateway's packages are installed below those of the models, so their versions must agree.
    lock("gateway", [*project["dependency-groups"]["gateway"], *traces], constraints=FOLDER / "models.txt")


def lock(name: str, requirements: list[str], *, constraints: Path | None = None) -> None:
    """Resolve requirements for the images and write them with the hashes of all files of each version.

    Args:
        name: Name of the lock file, without its suffix.
        requirements: Requirements as in pyproject.toml.
        constraints: Lock file whose versions must be used.

    Raises:
        subprocess.CalledProcessError: If uv cannot resolve the requirements; it has printed why.
    """
    command = [os.fspath(Path(sys.executable).with_name("uv")), "pip", "compile", "-", "--quiet"]
    command += ["--python-version", _PYTHON, "--python-platform", "linux", "--generate-hashes"]
    command += ["--no-header", "--no-annotate"]
    command += ["--constraints", os.fspath(constraints)] if constraints else []
    if name == "build":
        # uv leaves out pip and setuptools unless told otherwise.
        command += ["--allow-unsafe"]
    done = subprocess.run(command, input="\n".join(requirements), stdout=subprocess.PIPE, text=True, check=True)
    path = FOLDER / f"{name}.txt"
    path.write_text(_HEADER + done.stdout, encoding="utf-8")
    print(f"Wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

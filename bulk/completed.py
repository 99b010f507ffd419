"""Which inputs already have a row in the output."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

# Long enough that no two of a billion inputs share one by chance.
_DIGEST_BYTES = 16
Key = tuple[str, str | None]


class Completed:
    """The inputs of an output folder, 16 bytes each: ten million take 160 MB.

    Args:
        keys: Source and member of each row. A source that is a tar is also kept by name, because its members are only
            known when it is read.
    """

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._members: dict[str, list[str]] = defaultdict(list)
        digests = bytearray()
        for source, member in keys:
            digests += _digest((source, member))
            if member is not None and is_tar(source):
                self._members[source].append(member)
        # The documents whose pages are separate receipts have several rows.
        self._digests: NDArray[np.bytes_] = np.unique(np.frombuffer(bytes(digests), f"S{_DIGEST_BYTES}"))

    def __len__(self) -> int:
        """Return the number of inputs."""
        return len(self._digests)

    def __contains__(self, key: Key) -> bool:
        """Return whether one input has a row."""
        return self.find([key])[0]

    def find(self, keys: Sequence[Key]) -> list[bool]:
        """Return which inputs have a row."""
        if not len(self._digests):
            return [False] * len(keys)
        wanted = np.array([_digest(key) for key in keys], f"S{_DIGEST_BYTES}")
        places = np.searchsorted(self._digests, wanted)
        found = self._digests[np.minimum(places, len(self._digests) - 1)] == wanted
        return [bool(one) for one in found]

    def members_of(self, source: str) -> list[str]:
        """Return the members of a tar that have a row."""
        return self._members.get(source, [])


def is_tar(name: str) -> bool:
    """Return whether a name is that of a tar, compressed or not."""
    return name.lower().endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"))


def _digest(key: Key) -> bytes:
    source, member = key
    text = source if member is None else f"{source}\0{member}"
    # Names on disks need not be valid Unicode.
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()

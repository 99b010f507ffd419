"""What a request allows the cache to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Caching:
    """What a request allows the cache to do, as its `Cache-Control` header says (RFC 9111).

    Attributes:
        may_look: Whether the response may come from the cache; not with `no-cache`.
        may_keep: Whether the receipt may be kept; not with `no-store`.
    """

    may_look: bool = True
    may_keep: bool = True

    @classmethod
    def parse(cls, cache_control: str | None) -> Caching:
        """Parse the header of a request."""
        directives = {directive.partition("=")[0].strip().lower() for directive in (cache_control or "").split(",")}
        return cls(may_look="no-cache" not in directives, may_keep="no-store" not in directives)


UNRESTRICTED = Caching()

"""Serbia, and the Republic of Srpska in Bosnia: the verification URL of an electronic fiscal receipt.

Tax Administration of Serbia, "Technical guide: verification URL" (TaxCore): base64 of version, requester, signer, two
counters, the total in ten-thousandths (little-endian), the time in milliseconds (big-endian), types, buyer, encrypted
data, signature, and an MD5 of all before it, which is checked. The seller is only in the encrypted data.
"""

from __future__ import annotations

import hashlib
import struct
from decimal import Decimal

from gateway.codes.values import decode_base64, format_amount, from_unix_time, parse_url, require
from shared.contracts import CodeContent

# Country and currency by host.
_HOSTS = {"suf.purs.gov.rs": ("RS", "RSD"), "suf.poreskaupravars.org": ("BA", "BAM")}
_ZONE = "Europe/Belgrade"
# Version, requester, signer, receipts, receipts of this type, total, time, type of receipt, type of transaction.
_HEAD = struct.Struct("<B8s8sIIQ")
_TIME = struct.Struct(">QBB")
_HASH_BYTES = 16
_VERSION = 3
_UNITS = 10_000
_REFUND = 1
_SALE, _ADVANCE = 0, 4


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    require("/v/?vl=" in text)
    url, parameters = parse_url(text)
    require(url.hostname in _HOSTS)
    country, currency = _HOSTS[url.hostname or ""]
    # A plus sign that was not escaped has become a space.
    data = decode_base64(parameters.get("vl", "").replace(" ", "+"))
    require(len(data) > _HEAD.size + _TIME.size + _HASH_BYTES)
    digest = hashlib.md5(data[:-_HASH_BYTES], usedforsecurity=False).digest()
    version, requester, signer, count, _, units = _HEAD.unpack_from(data)
    milliseconds, kind, transaction = _TIME.unpack_from(data, _HEAD.size)
    require(digest == data[-_HASH_BYTES:] and version == _VERSION)
    day, time = from_unix_time(milliseconds / 1000, _ZONE)
    total = Decimal(units) / _UNITS
    is_sale = kind in (_SALE, _ADVANCE)
    return CodeContent(
        standard="rs-suf",
        kind="fiscal",
        country=country,
        receipt_number=f"{requester.decode('ascii')}-{signer.decode('ascii')}-{count}",
        date=day,
        time=time,
        total=format_amount((-total if transaction == _REFUND else total).quantize(Decimal("0.01")))
        if is_sale
        else None,
        currency=currency,
    )

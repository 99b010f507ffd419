"""Hostile requests: forms, file names, headers, JSON."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

from benchmarks.hostile.case import Call, encode

_BOUNDARY = "edge"
_FORM = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
_PICTURE = b"\x89PNG"


def build_part(disposition: bytes, data: bytes, headers: bytes = b"") -> bytes:
    """Return a part of a form."""
    return b"--edge\r\nContent-Disposition: form-data; %b\r\n%b\r\n%b\r\n" % (disposition, headers, data)


def build_form(*parts: bytes, end: bytes = b"--edge--\r\n") -> bytes:
    """Return the body of a form."""
    return b"".join(parts) + end


NAMES: dict[str, bytes] = {
    "with a parent path": b'name="file"; filename="../../../../etc/passwd"',
    "with a parent path of Windows": b'name="file"; filename="..\\..\\windows\\win.ini"',
    "with an absolute path": b'name="file"; filename="/etc/shadow"',
    "with a null byte": b'name="file"; filename="a.jpg\0.php"',
    "with a line break": b'name="file"; filename="a%0d%0aSet-Cookie: a=b.jpg"',
    "with a quotation mark": b'name="file"; filename="a".exe"',
    "with 60,000 letters": b'name="file"; filename="' + b"a" * 60_000 + b'"',
    "with a right-to-left override": 'name="file"; filename="a\u202egpj.exe"'.encode(),
    "with emoji": 'name="file"; filename="\U0001f9fe\U0001f4a9.jpg"'.encode(),
    "that is a command": b'name="file"; filename="$(reboot);`id`|x.jpg"',
    "that is a formula": b'name="file"; filename="=cmd|\' /C calc\'!A0.jpg"',
    "that is a script": b'name="file"; filename="<img src=x onerror=alert(1)>.jpg"',
    "with bytes that are not text": b'name="file"; filename="\xff\xfe\x80.jpg"',
    "with a device name": b'name="file"; filename="CON"',
    "that is empty": b'name="file"; filename=""',
    "sent twice": b'name="file"; filename="a.jpg"; filename="b.jpg"',
    "in the extended notation": b"name=\"file\"; filename*=UTF-8''%2e%2e%2f%00.jpg",
    "in an unknown charset": b"name=\"file\"; filename*=klingon''a.jpg",
}


def _named(disposition: bytes) -> Callable[[], bytes]:
    return lambda: build_form(build_part(disposition, encode("PNG")))


FORMS: dict[str, Callable[[], bytes]] = {
    "without its end": lambda: build_form(build_part(b'name="file"; filename="a"', _PICTURE), end=b""),
    "that is empty": lambda: b"",
    "with only its end": lambda: build_form(),
    "with a different boundary": lambda: build_form(build_part(b'name="file"; filename="a"', _PICTURE)).replace(
        b"edge", b"wall"
    ),
    "with 10,000 fields": lambda: build_form(build_part(b'name="x"', b"y") * 10_000),
    "with 1,000 files": lambda: build_form(build_part(b'name="file"; filename="a"', _PICTURE) * 1_000),
    "with a field of 2 MiB": lambda: build_form(build_part(b'name="x"', bytes(2**21))),
    "with a header of 1 MiB": lambda: build_form(
        build_part(b'name="file"; filename="a"', _PICTURE, b"X: " + b"y" * 2**20 + b"\r\n")
    ),
    "with 10,000 headers": lambda: build_form(build_part(b'name="file"; filename="a"', _PICTURE, b"X: y\r\n" * 10_000)),
    "without a name": lambda: build_form(build_part(b'filename="a"', _PICTURE)),
    "with an invalid header": lambda: build_form(b"--edge\r\n:\r\n\r\nx\r\n"),
    "with a file in base64": lambda: build_form(
        build_part(b'name="file"; filename="a"', b"iVBORw0=", b"Content-Transfer-Encoding: base64\r\n")
    ),
    "with a nested form": lambda: build_form(
        build_part(
            b'name="file"; filename="a"',
            build_form(build_part(b'name="file"', b"x")),
            b"Content-Type: multipart/mixed; boundary=edge\r\n",
        )
    ),
    "with text as its file": lambda: build_form(build_part(b'name="file"', b"TOTAL 9.00")),
}

TYPES = (
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=" + "x" * 4_000,
    'multipart/form-data; boundary="',
    "multipart/form-data; boundary=\xe9dge",
    "multipart/mixed; boundary=edge",
    "image/png; charset=\xff",
    ";;;",
    "application/x-python-pickle",
    "text/html",
)

PICTURE_PATHS = (("gateway", "/v1/receipts"), ("detector", "/v1/detect"), ("recognizer", "/v1/recognize"))


def _quads(text: bytes) -> Callable[[], bytes]:
    return lambda: build_form(
        build_part(b'name="file"; filename="a"', encode("PNG")), build_part(b'name="quads"', text)
    )


_QUAD = "[[1,1],[90,1],[90,40],[1,40]]"
QUADS: dict[str, bytes] = {
    "that are not JSON": b"[[[",
    "of bytes that are not text": b"[[\xff]]",
    "with 100,000 levels": b"[" * 100_000,
    "with NaN": b"[[[NaN,1],[9,1],[9,9],[1,9]]]",
    "with infinity": b"[[[1e999,1],[9,1],[9,9],[1,9]]]",
    "with 5,000 digits": b"[[[" + b"9" * 5_000 + b",1],[9,1],[9,9],[1,9]]]",
    "with booleans": b"[[[true,1],[9,1],[9,9],[1,9]]]",
    "a billion pixels wide": b"[[[0,0],[999999999,0],[999999999,9],[0,9]]]",
    "outside the picture": b"[[[-900,-900],[-800,-900],[-800,-850],[-900,-850]]]",
    "with zero area": b"[[[5,5],[5,5],[5,5],[5,5]]]",
    "with crossing edges": b"[[[1,1],[90,40],[90,1],[1,40]]]",
    "one pixel high": b"[[[0,5],[239,5],[239,6],[0,6]]]",
    "in a list of 10,000": ("[" + ",".join([_QUAD] * 10_000) + "]").encode(),
    "with three corners": b"[[[1,1],[90,1],[90,40]]]",
    "in an object": b'{"0": 1}',
    "that are empty": b"[]",
}


def _lines(**line: object) -> bytes:
    whole = {"page": 0, "quad": [[1, 1], [90, 1], [90, 40], [1, 40]], "text": "TOTAL 9.00", "confidence": 0.9} | line
    return json.dumps({"pages": [{"width": 200, "height": 100}], "lines": [whole]}).encode()


TEXTS: dict[str, Callable[[], bytes]] = {
    "that is not JSON": lambda: b"{",
    "of bytes that are not text": lambda: b"\xff\xfe\x00",
    "with 100,000 levels": lambda: b'{"pages":' + b"[" * 100_000,
    "with half a surrogate pair": lambda: _lines(text="x").replace(b'"x"', b'"\\ud800"'),
    "with null bytes": lambda: _lines(text="TOTAL\0 9.00"),
    "with 3,000 marks on one letter": lambda: _lines(text="e" + "\u0301" * 3_000),
    "with direction overrides": lambda: _lines(text="\u202eTOTAL\u202d 9.00\u2066"),
    "of only spaces": lambda: _lines(text=" " * 5_000),
    "of only digits": lambda: _lines(text="9" * 5_000),
    "of dates and amounts": lambda: _lines(text="31/02/2018 29-02-2019 9.99.99 1e9 $-0.00 " * 100),
    "with 200,000 letters": lambda: _lines(text="TOTAL " * 33_334),
    "with huge coordinates": lambda: _lines(quad=[[1e308, -1e308]] * 4),
    "with NaN": lambda: _lines().replace(b"90", b"NaN", 1),
    "on page 10^30": lambda: _lines(page=10**30),
    "with a confidence over 1": lambda: _lines(confidence=1.5),
    "with an unknown key": lambda: _lines(secret="x"),  # noqa: S106
    "without pages": lambda: b'{"pages":[],"lines":[]}',
    "without lines": lambda: b'{"pages":[{"width":1,"height":1}],"lines":[]}',
    "on a page 10^12 pixels wide": lambda: b'{"pages":[{"width":1000000000000,"height":1}],"lines":[]}',
    "with 5,001 lines": lambda: json.dumps(
        {"pages": [{"width": 9, "height": 9}], "lines": [json.loads(_lines())["lines"][0]] * 5_001}
    ).encode(),
    "with 4,000 lines in one place": lambda: json.dumps(
        {"pages": [{"width": 200, "height": 100}], "lines": [json.loads(_lines(text="9"))["lines"][0]] * 4_000}
    ).encode(),
    "that is a list": lambda: b"[]",
    "that is null": lambda: b"null",
    "that is empty": lambda: b"",
}


# What a page of another site makes a browser send: with DNS rebinding, from a form, or with a script.
FOREIGN: dict[str, dict[str, str]] = {
    "the host of a rebound name": {"Host": "evil.example"},
    "the host and origin of a rebound name": {"Host": "evil.example:8000", "Origin": "http://evil.example:8000"},
    "a host that begins like an address": {"Host": "127.0.0.1.evil.example"},
    "two hosts in one": {"Host": "localhost, evil.example"},
    "a host with a user": {"Host": "localhost@evil.example"},
    "the origin of another site": {"Origin": "https://evil.example"},
    "the origin of a local file": {"Origin": "null"},
    "a form of another site": {"Sec-Fetch-Site": "cross-site"},
}


def _all() -> list[Call]:
    found = [
        Call(
            f"{name}, to {path}", "gateway", path, _named(b'name="file"; filename="x.jpg"'), _FORM | headers, "rejected"
        )
        for name, headers in FOREIGN.items()
        for path in ("/v1/receipts", "/v1/jobs", "/v1/pages")
    ]
    for app, path in PICTURE_PATHS:
        found += [Call(f"a file name {name}", app, path, _named(how), _FORM) for name, how in NAMES.items()]
        found += [Call(f"a form {name}", app, path, make, _FORM, "rejected") for name, make in FORMS.items()]
        found += [
            Call(
                f"the content type {kind[:40]!r}",
                app,
                path,
                lambda: build_form(build_part(b'name="file"', b"x")),
                {"Content-Type": kind},
                "rejected",
            )
            for kind in TYPES
        ]
        compressed = {"Content-Type": "image/png", "Content-Encoding": "gzip"}
        found.append(
            Call(
                "a compressed body of 1 GiB", app, path, lambda: gzip.compress(bytes(2**30), 9), compressed, "rejected"
            )
        )
    found += [Call(f"quads {name}", "recognizer", "/v1/recognize", _quads(text), _FORM) for name, text in QUADS.items()]
    headers = {"Content-Type": "application/json"}
    found += [Call(f"a text {name}", "extractor", "/v1/extract", make, headers) for name, make in TEXTS.items()]
    return found


CALLS = tuple(_all())

"""Logs contain neither the text of receipts nor the names of files."""

from __future__ import annotations

import io
import json

import httpx2
from PIL import Image, ImageDraw

from tests.support.deployment import Deployment

TEXT = "KANARIENVOGEL"
NAME = "canary-file-7f3a"


def make_picture() -> bytes:
    image = Image.new("RGB", (500, 300), "white")
    ImageDraw.Draw(image).text((30, 60), f"{TEXT} SHOP\n\nTOTAL 9.00", fill="black", font_size=30)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_logs_contain_no_text_and_no_file_names(deployment: Deployment) -> None:
    sent = [make_picture(), make_picture()[:300], b"%PDF-1.7\n" + TEXT.encode(), TEXT.encode(), b""]
    for process in (deployment.gateway, deployment.embedded):
        with httpx2.Client(base_url=process.url, timeout=60) as client:
            receipt = client.post("/v1/receipts", files={"file": (f"{NAME}.png", sent[0])}).json()
            assert TEXT in json.dumps(receipt), receipt  # the text was read, so it could have been logged
            for data in sent[1:]:
                assert client.post("/v1/receipts", files={"file": (f"{NAME}.png", data)}).status_code in (415, 422)
            change = {"fields": {"company": {"value": f"{TEXT} LTD"}}}
            assert client.put(f"/v1/receipts/{receipt['id']}/corrections", json=change).status_code == 200
            job = client.post("/v1/jobs", files=[("files", (f"{NAME}.png", data)) for data in sent[:4]])
            assert job.status_code == 202
            events = client.get(f"/v1/jobs/{job.json()['id']}/events", timeout=120)
            assert events.text.count("event: done") == 1
            client.delete(f"/v1/receipts/{receipt['id']}/corrections")
    line = {"page": 0, "quad": [[1, 1], [9, 1], [9, 9], [1, 9]], "text": TEXT, "confidence": 2}
    wrong = {"pages": [{"width": 9, "height": 9}], "lines": [line]}
    assert httpx2.post(f"{deployment.extractor.url}/v1/extract", json=wrong).status_code == 422
    request_lines = 0
    for name in ("gateway", "detector", "recognizer", "extractor", "embedded"):
        log = getattr(deployment, name).log.read_text()
        lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        assert lines
        request_lines += sum("request_id" in line for line in lines)
        for canary in (TEXT, NAME, TEXT.lower()):
            assert canary not in log, f"{canary} is in the log of the {name}"
    assert request_lines > 20

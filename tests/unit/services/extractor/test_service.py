from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import torch

from services.extractor.app import count_characters, create_app, group_by_length
from services.extractor.encoding import ALPHABET
from services.extractor.network.architecture import Architecture
from services.extractor.network.loading import NAME
from services.extractor.network.network import CharacterLSTM
from services.extractor.predictor import Predictor
from services.extractor.scoring import Scoring
from services.extractor.settings import ExtractorSettings
from services.extractor.training.evaluate import evaluate, mistakes
from services.extractor.training.train import TrainingConfig, train
from shared.contracts import Extracted, ExtractRequest, Fields
from shared.inference.device import arrays_of
from shared.inference.weights import WeightsError, load_weights, save_weights
from shared.learning.dataset import load_split, write_receipt, write_split
from shared.learning.labels import LabeledSegment

PAGE = {"width": 400, "height": 300}


def save(folder: Path, *, alphabet: str = ALPHABET, certain: int | None = None) -> Path:
    torch.manual_seed(0)
    network = CharacterLSTM(Architecture(embedding=4, channels=6, hidden=5))
    if certain is not None:  # every character is of one class, whatever it is
        torch.nn.init.zeros_(network.classifier.weight)
        network.classifier.bias.data = torch.nn.functional.one_hot(torch.tensor(certain), 5).float() * 9
    architecture = {"network": network.architecture.to_dict(), "scoring": Scoring().model_dump(mode="json")}
    state = arrays_of(network.state_dict())
    save_weights(folder, state, name=NAME, architecture=architecture, alphabet=alphabet, training={}, measures={})
    return folder


def settings(folder: Path, **options: Any) -> ExtractorSettings:
    return ExtractorSettings(weights=folder, device="cpu", threads=1, max_characters=200, **options)


def line(text: str, y: float = 0.0, page: int = 0) -> dict[str, Any]:
    return {"quad": [[0, y], [200, y], [200, y + 20], [0, y + 20]], "text": text, "confidence": 0.9, "page": page}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(settings(save(tmp_path, certain=1)))
    transport = httpx2.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://t") as http:
        yield http


async def test_the_service_answers_fields(client: httpx2.AsyncClient) -> None:
    ready = (await client.get("/readyz")).json()
    answer = await client.post("/v1/extract", json={"pages": [PAGE], "lines": [line("ZYX TRADING")]})
    assert answer.status_code == 200
    body = answer.json()
    assert body["model"] == ready["model"]
    assert body["model"].startswith("charlstm-")
    company = body["fields"]["company"]
    assert company["value"] == "ZYX TRADING"
    assert company["lines"] == [0]
    assert company["quad"] == line("")["quad"]
    assert body["fields"]["date"] is body["fields"]["total"] is body["fields"]["address"] is None


async def test_no_lines_give_no_fields(client: httpx2.AsyncClient) -> None:
    for lines in ([], [line("")], [line("   ")]):
        answer = await client.post("/v1/extract", json={"pages": [PAGE], "lines": lines})
        assert set(answer.json()["fields"].values()) == {None}


@pytest.mark.parametrize(
    ("body", "status", "code", "part"),
    [
        ({"pages": [PAGE], "lines": [line("A", page=1)]}, 422, "no-such-page", "Line 0 (counted from 0) is on page 1"),
        ({"pages": [PAGE], "lines": [line("A", y=1e308)]}, 422, "no-such-place", "line 0"),
        (
            {"pages": [PAGE], "lines": [line("A" * 300)]},
            413,
            "text-too-long",
            "301 characters; the maximum",
        ),
        ({"pages": [], "lines": []}, 422, None, "pages"),
        ({"lines": []}, 422, None, "pages"),
    ],
)
async def test_wrong_requests_are_told_what_is_wrong(
    client: httpx2.AsyncClient, body: dict[str, Any], status: int, code: str | None, part: str
) -> None:
    answer = await client.post("/v1/extract", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert part in answer.text
    assert code is None or code in answer.json()["type"]
    assert (await client.post("/v1/extract", json={"pages": [PAGE], "lines": []})).status_code == 200


async def test_the_schema_has_an_example_and_the_problems(client: httpx2.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    operation = schema["paths"]["/v1/extract"]["post"]
    assert {"200", "413", "422", "503"} <= operation["responses"].keys()


def test_receipts_are_grouped_by_length() -> None:
    def request(length: int) -> ExtractRequest:
        return ExtractRequest.model_validate({"pages": [PAGE], "lines": [line("A" * length)]})

    assert count_characters(request(9)) == 10
    assert group_by_length(request(1)) == group_by_length(request(200))
    assert group_by_length(request(300)) != group_by_length(request(600))


def test_answers_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    predictor = Predictor.load(settings(save(tmp_path)))
    texts = [["SHOP", "TOTAL 9.00"], [], ["A LONGER RECEIPT SDN BHD", "25/12/2018", "RM15.00"]]
    requests = [
        ExtractRequest.model_validate({"pages": [PAGE], "lines": [line(t, 40.0 * i) for i, t in enumerate(rows)]})
        for rows in texts
    ]
    together = predictor.extract(requests)
    assert together[1] == Extracted(fields=Fields())
    for request, fields in zip(requests, together, strict=True):
        (alone,) = predictor.extract([request])
        assert alone.model_dump().keys() == fields.model_dump().keys()
        assert json.dumps(alone.model_dump())[:200] == json.dumps(fields.model_dump())[:200]


def test_the_directory_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vendors = tmp_path / "vendors.csv"
    vendors.write_text("company\nZyxwvut Trading\n")
    save(tmp_path, certain=1)
    request = ExtractRequest.model_validate({"pages": [PAGE], "lines": [line("ZYXWVUT TRADlNG")]})

    def company(**options: Any) -> Any:
        (found,) = Predictor.load(settings(tmp_path, vendor_list=vendors, **options)).extract([request])
        return found.fields.company

    assert (company().value, company().corrected) == ("Zyxwvut Trading", True)
    monkeypatch.setenv("QUITTANCE_MERCHANT_DIRECTORY", "off")
    assert (company().value, company().corrected) == ("ZYXWVUT TRADlNG", False)


def test_weights_for_another_alphabet_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="alphabet"):
        Predictor.load(settings(save(tmp_path, alphabet="AB")))


def data_set(root: Path) -> Path:
    rows = ["ZYX TRADING", "1 JALAN BESAR", "25/12/2018", "TOTAL 9.00"]
    names = dict(zip(("company", "address", "date", "total"), ["ZYX TRADING", rows[1], rows[2], "9.00"], strict=True))
    quads = [np.array(line("", 40.0 * i)["quad"], np.float32) for i in range(4)]
    segments = [LabeledSegment(quad, text) for quad, text in zip(quads, rows, strict=True)]
    for key in "abcdefgh":
        write_receipt(root, key, np.full((40, 40, 3), 255, np.uint8), segments, names)
    write_split(root, {"train": list("abcdef"), "validation": ["g", "h"], "validation_unseen_company": ["h"]})
    return root


def test_evaluation_counts_values(tmp_path: Path) -> None:
    root = data_set(tmp_path / "data")
    predictor = Predictor.load(settings(save(tmp_path / "weights", certain=1), merchant_directory="off"))
    result = evaluate(predictor, root)
    assert result["receipts"] == 2
    assert result["date"]["f1"] == result["total"]["f1"] == 0.0
    assert {"precision", "recall", "f1"} == result["unseen_company"].keys()
    wrong = mistakes(predictor, load_split(root, "validation"))
    assert ("g", "total", "9.00", "") in wrong


def test_a_training_can_be_resumed_and_exported(tmp_path: Path) -> None:
    root = data_set(tmp_path / "data")
    options: dict[str, Any] = {
        "data": root, "run": tmp_path / "run", "synthetic": root, "held_out": 0.34, "threads": 1, "hidden": 4,
        "device": "cpu",
    }  # fmt: skip
    seen: list[dict[str, Any]] = []
    train(TrainingConfig(**options, steps=20), progress=seen.append)
    assert [record["step"] for record in seen] == [20]
    assert Scoring.model_validate_json((tmp_path / "run" / "scoring.json").read_text())
    measures = train(TrainingConfig(**options, steps=21, export=tmp_path / "weights"))
    manifest, _ = load_weights(tmp_path / "weights", name=NAME)
    assert manifest.training["steps"] == 21
    assert manifest.measures == measures
    assert manifest.measures["validation, given text"]["receipts"] == 2
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 1
    Predictor.load(settings(tmp_path / "weights")).warm_up()

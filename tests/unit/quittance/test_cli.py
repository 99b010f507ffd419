"""The command line, with stand-ins for the chain and the trainings."""

from __future__ import annotations

import csv
import io
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from quittance import cli, client, console, serve, training
from quittance.client import ReceiptClient
from shared.service.settings import ServiceSettings
from synthesis import generator

RECEIPT: dict[str, Any] = {
    "id": "b1946ac92492d2347c6235b4d2611184",
    "pages": [{"width": 200, "height": 100, "rotation": 0}],
    "fields": {
        "company": {
            "value": "[b]OOK SHOP",
            "confidence": 0.98,
            "page": 0,
            "quad": [[10, 10], [150, 10], [150, 30], [10, 30]],
            "lines": [0],
            "corrected": False,
        },
        "date": None,
        "address": None,
        "total": {
            "value": "RM 9.00",
            "amount": "9.00",
            "currency": "MYR",
            "confidence": 0.5,
            "page": 0,
            "quad": [[10, 60], [90, 60], [90, 80], [10, 80]],
            "lines": [1],
            "corrected": False,
        },
    },
    "lines": [
        {"page": 0, "quad": [[10, 10], [150, 10], [150, 30], [10, 30]], "text": "[b]OOK SHOP", "confidence": 0.97},
        {"page": 0, "quad": [[10, 60], [90, 60], [90, 80], [10, 80]], "text": "RM 9.00", "confidence": 0.97},
    ],
    "models": {"detector": "ctpn-1", "recognizer": "crnn-1", "extractor": "charlstm-1"},
    "timings_ms": {"decode": 4.1, "detect": 120.3, "recognize": 88.0, "extract": 6.2},
    "cached": False,
    "corrections": None,
}
PROBLEM = {
    "type": "urn:quittance:problem:picture-damaged",
    "title": "The picture is damaged",
    "status": 422,
    "detail": "The JPEG ends early. Send the whole file.",
}

runner = CliRunner()


def answer(request: httpx2.Request) -> httpx2.Response:
    if b"damaged" in request.content:
        return httpx2.Response(422, json=PROBLEM)
    return httpx2.Response(200, json=RECEIPT)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def embedded() -> AsyncIterator[ReceiptClient]:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://in-process") as http:
            yield ReceiptClient(http)

    monkeypatch.setattr(client, "embedded", embedded)
    wide = Console(width=200, no_color=True)
    monkeypatch.setattr(console, "out", wide)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "receipt.png"
    Image.new("RGB", (200, 100), "white").save(path)
    return path


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    path = tmp_path / "damaged.jpg"
    path.write_bytes(b"\xff\xd8 damaged")
    return path


def modules_loaded_by(*arguments: str) -> set[str]:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom quittance.cli import app\n"
        f"CliRunner().invoke(app, {list(arguments)!r})\nprint(*sys.modules)"
    )
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_help_loads_no_network_and_no_server() -> None:
    assert not modules_loaded_by("--help") & {"torch", "cv2", "numpy", "fastapi", "services"}


def test_a_missing_file_is_told_before_the_models_are_loaded(tmp_path: Path) -> None:
    result = runner.invoke(cli.app, ["extract", str(tmp_path / "absent.jpg"), str(tmp_path)])
    assert result.exit_code == 1
    assert "absent.jpg: there is no such file" in result.stderr
    assert "no pictures in this folder" in result.stderr
    assert result.stdout == ""
    assert "torch" not in modules_loaded_by("extract", "absent.jpg")


@pytest.mark.usefixtures("gateway")
def test_one_receipt_is_a_table_of_its_fields(picture: Path) -> None:
    result = runner.invoke(cli.app, ["extract", str(picture)])
    assert result.exit_code == 0, result.output
    rows = {line.split("│")[1].strip(): line for line in result.stdout.splitlines() if line.startswith("│")}
    assert "[b]OOK SHOP" in rows["company"]  # text of a receipt is not markup
    assert "98%" in rows["company"]
    assert "not found" in rows["date"]
    assert "9.00 MYR" in rows["total"]
    assert "2 lines of text, 0.22 s" in result.stdout


@pytest.mark.usefixtures("gateway")
def test_many_receipts_are_rows_and_one_bad_file_ends_with_1(picture: Path, damaged: Path) -> None:
    result = runner.invoke(cli.app, ["extract", str(damaged), str(picture)])
    assert result.exit_code == 1
    assert "damaged.jpg: The picture is damaged. The JPEG ends early. Send the whole file." in result.stderr
    assert "9.00 MYR" in result.stdout
    assert "OOK SHOP" in result.stdout


@pytest.mark.usefixtures("gateway")
def test_json_is_one_object_a_line_in_the_order_given(picture: Path, damaged: Path, tmp_path: Path) -> None:
    other = tmp_path / 'a "b".png'
    other.write_bytes(picture.read_bytes())
    result = runner.invoke(cli.app, ["extract", "--format", "jsonl", str(other), str(damaged), str(picture)])
    assert result.exit_code == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line.pop("file") for line in lines] == [str(other), str(picture)]
    assert lines == [RECEIPT, RECEIPT]


@pytest.mark.usefixtures("gateway")
def test_json_is_one_list(picture: Path) -> None:
    result = runner.invoke(cli.app, ["extract", "--format", "json", str(picture), str(picture)])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == [{"file": str(picture), **RECEIPT}] * 2


@pytest.mark.usefixtures("gateway")
def test_csv_has_a_row_for_each_file(picture: Path, damaged: Path, tmp_path: Path) -> None:
    odd = tmp_path / "-a,b.png"
    odd.write_bytes(picture.read_bytes())
    result = runner.invoke(cli.app, ["extract", "--format", "csv", "--", str(picture), str(damaged)])
    assert result.exit_code == 1
    good, bad = csv.DictReader(io.StringIO(result.stdout))
    assert (good["file"], good["total"], good["currency"], good["error"]) == (str(picture), "9.00", "MYR", "")
    assert (good["total_text"], good["date"], good["date_text"]) == ("RM 9.00", "", "")
    assert good["company_confidence"] == "0.980"
    assert bad["total"] == ""
    assert "The picture is damaged" in bad["error"]


@pytest.mark.usefixtures("gateway")
def test_a_folder_means_the_pictures_in_it(picture: Path, tmp_path: Path) -> None:
    pile = tmp_path / "pile" / "deep"
    pile.mkdir(parents=True)
    (pile / "b.PNG").write_bytes(picture.read_bytes())
    (pile / "a.png").write_bytes(picture.read_bytes())
    (pile / "notes.txt").write_text("no picture")
    result = runner.invoke(cli.app, ["extract", "--format", "jsonl", str(tmp_path / "pile")])
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["file"] for line in result.stdout.splitlines()] == [
        str(pile / "a.png"),
        str(pile / "b.PNG"),
    ]
    (tmp_path / "empty").mkdir()
    result = runner.invoke(cli.app, ["extract", str(tmp_path / "empty")])
    assert result.exit_code == 1
    assert "no pictures in this folder" in result.stderr


@pytest.mark.usefixtures("gateway")
def test_a_pattern_means_what_it_matches(picture: Path, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.png", "a.png", "deep/c.png", "a.txt"):
        (tmp_path / name).write_bytes(picture.read_bytes())
    picture.unlink()
    for pattern, names in (("*.png", ["a.png", "b.png"]), ("**/*.png", ["a.png", "b.png", "deep/c.png"])):
        result = runner.invoke(cli.app, ["extract", "--format", "jsonl", str(tmp_path / pattern)])
        assert result.exit_code == 0, result.output
        files = [Path(json.loads(line)["file"]) for line in result.stdout.splitlines()]
        assert [str(file.relative_to(tmp_path)) for file in files] == names
    result = runner.invoke(cli.app, ["extract", str(tmp_path / "*.jpg")])
    assert result.exit_code == 1
    assert "*.jpg: no file matches" in result.stderr
    (tmp_path / "[1].png").write_bytes(b"not a pattern, there is a file of this name")
    assert runner.invoke(cli.app, ["extract", str(tmp_path / "[1].png")]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name files to read"),
        (["--watch", "missing"], "missing is none"),
        (["--watch", ".", "--format", "json"], "--format jsonl"),
        (["a.png", "--format", "xml"], "xml"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], says: str) -> None:
    result = runner.invoke(cli.app, ["extract", *arguments])
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.usefixtures("gateway")
def test_nothing_but_results_is_written_where_nobody_sits(picture: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(picture.read_bytes())
    result = runner.invoke(cli.app, ["extract", "--format", "jsonl", str(picture), str(other)])
    assert result.stderr == ""
    assert "\x1b" not in result.stdout


def test_the_shells_can_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    for shell in ("bash", "zsh", "fish"):
        result = runner.invoke(cli.app, ["--show-completion", shell])
        assert result.exit_code == 0, result.output
        assert "_QUITTANCE_COMPLETE" in result.stdout
    environment = {"_QUITTANCE_COMPLETE": "complete_bash", "COMP_WORDS": "quittance ex", "COMP_CWORD": "1"}
    result = runner.invoke(cli.app, [], env=environment, prog_name="quittance")
    assert result.stdout.split() == ["extract"]


@pytest.mark.usefixtures("gateway")
def test_drawing_marks_what_was_read(picture: Path, tmp_path: Path) -> None:
    result = runner.invoke(cli.app, ["extract", str(picture), "--draw", str(tmp_path / "drawn")])
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "drawn" / "receipt-read.png") as drawn:
        pixels = drawn.convert("RGB")
    gutter = pixels.width - 2 * 200
    assert gutter > 0
    assert pixels.height == 100
    company = (0xC2, 0x41, 0x0C)
    assert {pixels.getpixel((x, 30)) for x in range(10, 150)} == {company}  # lower edge of the company's quad
    assert pixels.getpixel((200 + 15, 20)) == company  # its tag, beside it in the gutter
    right = pixels.crop((200 + gutter, 0, pixels.width, 100))
    assert right.getextrema() != ((255, 255),) * 3  # text was set there


def test_a_server_that_is_not_there(picture: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    result = runner.invoke(cli.app, ["extract", str(picture), "--url", url])
    assert result.exit_code == 1
    assert "cannot be reached" in result.stderr
    assert "Is the gateway running?" in result.stderr


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [(422, json.dumps(PROBLEM), "The picture is damaged"), (502, "<html>", "502"), (200, "{}", "does not answer as")],
)
async def test_the_client_tells_why_a_receipt_was_not_read(status: int, body: str, message: str) -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, text=body))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as http:
        with pytest.raises(client.ClientError, match=message):
            await ReceiptClient(http).read(b"\xff\xd8")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_media_type_from_the_first_bytes(data: bytes, expected: str) -> None:
    assert client.media_type(data) == expected


def _service(started: list[FastAPI]) -> Callable[..., None]:
    def run(app: FastAPI, *, host: str, port: int, settings: ServiceSettings) -> None:
        assert (host, port) == ("127.0.0.1", settings.port)
        started.append(app)

    return run


def _app(port: int) -> FastAPI:
    app = FastAPI()
    app.state.settings = ServiceSettings(port=port)
    return app


def test_serve_starts_what_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[FastAPI] = []
    built: list[str] = []

    def build(name: str) -> FastAPI:
        built.append(name)
        return _app(0)

    monkeypatch.setattr(serve, "run", _service(started))
    monkeypatch.setattr(serve, "build", build)
    for arguments in ([], ["gateway"], ["detector"]):
        assert runner.invoke(cli.app, ["serve", *arguments]).exit_code == 0
    assert built == ["all", "gateway", "detector"]
    assert len(started) == 3
    assert runner.invoke(cli.app, ["serve", "printer"]).exit_code == 2


def test_serve_tells_that_the_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(serve, "build", lambda _: _app(port))
        result = runner.invoke(cli.app, ["serve"])
    assert result.exit_code == 1
    assert f"Port {port} is in use" in result.stderr


async def test_serve_tells_what_to_do_once_it_is_ready() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        events.append("started")
        yield
        events.append("ended")

    app = FastAPI(lifespan=lifespan)
    serve.tell_when_ready(app, lambda: events.append("told"))
    async with app.router.lifespan_context(app):
        pass
    assert events == ["started", "told", "ended"]
    assert "curl -F file=@receipt.jpg http://127.0.0.1:8000/v1/receipts" in serve.next_steps("http://127.0.0.1:8000")


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:1"), ("::", "http://[::1]:1"), ("box", "http://box:1")],
)
def test_the_address_is_one_for_a_browser(host: str, url: str) -> None:
    assert serve.address(host, 1) == url


@dataclass
class _Config:
    data: Path
    synthetic: Path | None = None
    run: Path = Path("runs/x")
    steps: int = 10
    minutes: float | None = None
    resume: bool = True
    trunk: str = "none"


def test_training_settings_take_the_type_of_their_field() -> None:
    options = {"data": Path("d"), "steps": None, "resume": False}
    config = training.configure(_Config, options, ["steps=1_450", "minutes=1.5", "trunk=a=b", "synthetic=none"])
    assert config == _Config(Path("d"), None, steps=1450, minutes=1.5, resume=False, trunk="a=b")


@pytest.mark.parametrize(
    ("setting", "message"),
    [("steps=many", "steps is int"), ("steps", "NAME=VALUE"), ("stepz=1", "no setting stepz"), ("resume=x", "bool")],
)
def test_wrong_training_settings_are_named(setting: str, message: str) -> None:
    with pytest.raises(training.TrainingOptionError, match=message):
        training.configure(_Config, {"data": Path("d")}, [setting])


def test_training_shows_progress_and_gives_its_measures() -> None:
    console = Console(width=200, force_terminal=True, record=True)

    def run(config: _Config, *, progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        progress({"step": config.steps, "loss": 0.25, "phase": "long"})
        return {"hmean": 0.9}

    assert training.follow(run, _Config(Path("d"), run=Path("runs/detector")), console) == {"hmean": 0.9}
    shown = console.export_text()
    assert "detector" in shown
    assert "10/10" in shown
    assert "loss 0.25" in shown


@pytest.mark.parametrize("model", ["detector", "recognizer", "extractor"])
def test_each_training_takes_the_options_of_the_command(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    configs: list[Any] = []

    def follow(_: object, config: Any, __: Console) -> dict[str, Any]:
        configs.append(config)
        return {"loss": 1.0}

    monkeypatch.setattr(training, "follow", follow)
    options = ["--data", "d", "--synthetic", "s", "--steps", "3", "--minutes", "2", "--seed", "5", "--threads", "1"]
    result = runner.invoke(cli.app, ["train", model, *options, "--export", "w"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"loss": 1.0}
    (config,) = configs
    assert (config.data, config.synthetic, config.run) == (Path("d"), Path("s"), Path("runs") / model)
    assert (config.steps, config.minutes, config.seed, config.threads) == (3, 2.0, 5, 1)
    assert config.export == Path("w")


def test_a_fresh_training_puts_the_old_run_aside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(training, "follow", lambda *_: {})
    run = tmp_path / "detector"
    for content in ("first", "second"):
        run.mkdir()
        (run / "log.jsonl").write_text(content)
        result = runner.invoke(cli.app, ["train", "detector", "--data", "d", "--run", str(run), "--fresh"])
        assert result.exit_code == 0, result.output
    assert not run.exists()
    assert (tmp_path / "detector-1" / "log.jsonl").read_text() == "first"
    assert (tmp_path / "detector-2" / "log.jsonl").read_text() == "second"


def test_synthesize_hands_on_its_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(generator, "generate", lambda *a, **k: calls.append((*a, k)))
    given = ["synthesize", "--count", "3", "--out", str(tmp_path), "--seed", "7"]
    for more in ([], ["--workers", "2", "--fonts", str(tmp_path)]):
        result = runner.invoke(cli.app, [*given, *more])
        assert result.exit_code == 0, result.output
    assert calls == [
        (tmp_path, 3, 7, {"workers": 1, "fonts": None}),
        (tmp_path, 3, 7, {"workers": 2, "fonts": tmp_path}),
    ]
    assert runner.invoke(cli.app, ["synthesize", "--count", "0", "--out", str(tmp_path)]).exit_code == 2


def test_synthesize_says_that_a_folder_has_no_fonts(tmp_path: Path) -> None:
    given = ["synthesize", "--count", "1", "--out", str(tmp_path / "out"), "--fonts", str(tmp_path)]
    result = runner.invoke(cli.app, given)
    assert result.exit_code == 1
    assert f"{tmp_path} has no font" in result.stderr.replace("\n", "")


def test_evaluate_needs_a_data_set(tmp_path: Path) -> None:
    result = runner.invoke(cli.app, ["evaluate", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "split.json is missing" in result.stderr


def test_evaluate_writes_measures_and_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from quittance.evaluation import evaluate as evaluation
    from quittance.evaluation.scores import Record, score

    record = Record.model_validate({"key": "a", "labels": [], "entities": {}, "receipt": RECEIPT, "seconds": 1.0})

    async def run(*_: object, progress: Callable[[Record, int], None], **__: object) -> tuple[list[Record], Any]:
        progress(record, 1)
        return [record], {**score([record]), "failed": 0}

    monkeypatch.setattr(evaluation, "evaluate", run)
    monkeypatch.setattr(console, "out", Console(width=200, no_color=True))
    measures, answers = tmp_path / "measures.json", tmp_path / "answers.jsonl"
    options = ["--data", str(tmp_path), "--predictions", str(answers), "--output", str(measures)]
    result = runner.invoke(cli.app, ["evaluate", *options])
    assert result.exit_code == 0, result.output
    assert "Task 3, fields: from pixels" in result.stdout
    first = json.loads(measures.read_text())
    assert first["task3"]["pixels"]["all"]["precision"] == 0
    assert runner.invoke(cli.app, ["evaluate", *options, "--rescore"]).exit_code == 0
    assert json.loads(measures.read_text())["task3"] == first["task3"]
    assert runner.invoke(cli.app, ["evaluate", "--data", str(tmp_path), "--rescore"]).exit_code == 2

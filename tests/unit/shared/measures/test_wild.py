import json
from pathlib import Path

import numpy as np
import pytest

from shared.learning.dataset import load_split
from shared.learning.labels import DatasetError
from shared.learning.wildreceipt import collect_field_texts, parse_segments
from shared.measures.ignored import counted
from shared.measures.wild import segments_read, value_found


def box(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]


def test_a_segment_counts_if_found_and_read_without_regard_to_spaces_and_case() -> None:
    labels = [box(0, 0, 100, 20), box(0, 30, 100, 50), box(0, 60, 100, 80)]
    texts = ["KoreanBBQ", "Total", "9.50"]
    found = [box(0, 30, 100, 50), box(2, 0, 100, 20), box(0, 62, 30, 80)]
    matches = segments_read(labels, texts, found, ["TOTAI", "Korean bbq", "9.50"])
    assert (matches.matched, matches.labeled, matches.answered) == (1, 3, 3)


def test_a_company_may_differ_in_a_tenth_of_its_letters_and_a_total_in_none() -> None:
    assert value_found(["TransmetropolitanCafe"], "Transmetropolitan Caff", similar=True).matched == 1
    assert value_found(["TransmetropolitanCafe"], "Transmetro", similar=True).matched == 0
    assert value_found(["$52.15", "52.15"], "52.15").matched == 1
    assert value_found(["$52.15"], "$52.16").matched == 0


def test_a_field_that_is_not_on_the_receipt_is_no_case_unless_it_is_answered() -> None:
    assert value_found(["", ""], None) == value_found([], None)
    assert value_found([], "9.00").answered == 1
    assert value_found([], "9.00").f1 == 0.0


def test_what_lies_on_ignored_print_does_not_count_unless_it_is_on_a_label() -> None:
    quads = np.array([box(0, 0, 10, 10), box(50, 0, 60, 10)], np.float32)
    ignored = np.array([box(0, 0, 12, 12), box(48, 0, 62, 12)], np.float32)
    assert counted(quads, ignored, quads[1:]).tolist() == [False, True]
    assert counted(quads, ignored[:0], quads[:0]).tolist() == [True, True]


def segment(label: str, text: str, *quad: float) -> dict[str, object]:
    return {"label": label, "text": text, "quad": box(*quad)}


def written(folder: Path, *segments: dict[str, object]) -> Path:
    (folder / "segments").mkdir()
    content = {"width": 100, "height": 100, "segments": list(segments)}
    (folder / "segments" / "a.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "split.json").write_text(json.dumps({"train": ["a"]}), encoding="utf-8")
    return folder


def test_fields_are_made_from_labeled_segments(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        segment("Store_addr_value", "Athens,GA30601", 0, 30, 50, 40),
        segment("Store_addr_value", "145EClaytonSt", 0, 20, 50, 30),
        segment("Total_value", "$17.76", 60, 80, 90, 90),
        segment("Total_value", "17.76", 60, 90, 90, 99),
        segment("Ignore", " ", 0, 90, 10, 99),
    )
    (receipt,) = load_split(folder, "train")
    assert receipt.entities == {"company": "", "date": "", "address": "145EClaytonStAthens,GA30601", "total": "$17.76"}
    assert receipt.alternatives["total"] == ("17.76",)
    assert receipt.ignored.shape == (1, 4, 2)
    assert len(receipt.segments) == 4
    assert not receipt.spaced


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "segments" / "a.json").write_text('{"segments": [{"quad": [1, 2]}]}', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"a\.json: expected a list of segments"):
        load_split(folder, "train")


def test_segments_without_text_are_ignored() -> None:
    readable, ignored = parse_segments(json.dumps({"segments": [segment("Others", "", 0, 0, 9, 9)]}))
    assert (len(readable), len(ignored)) == (0, 1)
    assert collect_field_texts(readable)["date"] == ()

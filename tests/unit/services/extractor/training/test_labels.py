from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest

from services.extractor.training.augmentation import Augmenter
from services.extractor.training.labels import IGNORED, LabeledText, label
from services.extractor.training.train import batches, encode_labeled, split_held_out, versions_of
from shared.contracts import FIELD_NAMES
from shared.learning.labels import LabeledReceipt, LabeledSegment

COMPANY, DATE, ADDRESS, TOTAL = range(1, 5)
RECEIPT = [
    ["BOOK TA .K(TAMAN DAYA) SDN BND"],
    ["NO.53, JALAN SAGU 18,"],
    ["81100 JOHOR BAHRU"],
    ["DATE:", "25/12/2018 8:13 PM"],
    ["PEN", "9.00"],
    ["TOTAL", "RM9.00"],
    ["CASH", "10.00"],
    ["PRINTED 25/12/2018, 2018-12-25"],
]
ENTITIES = {
    "company": "BOOK TA .K (TAMAN DAYA) SDN BHD",
    "date": "25/12/2018",
    "address": "NO.53 JALAN SAGU 18, 81100 JOHOR BAHRU",
    "total": "9.00",
}


def receipt(rows: list[list[str]] = RECEIPT, key: str = "A", **entities: str) -> LabeledReceipt:
    segments = []
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            x, y = 300.0 * column, 40.0 * number
            quad = np.array([[x, y], [x + 250, y], [x + 250, y + 20], [x, y + 20]], np.float32)
            segments.append(LabeledSegment(quad, text))
    return LabeledReceipt(key, Path(f"{key}.jpg"), tuple(segments), ENTITIES | entities)


def marked(segments: list[LabeledText], number: int) -> list[str]:
    return ["".join(np.array(list(s.text))[s.labels == number]) for s in segments if (s.labels == number).any()]


def test_values_are_found_by_letters_and_digits() -> None:
    found = label(receipt())
    assert marked(found, ADDRESS) == ["NO.53, JALAN SAGU 18,", "81100 JOHOR BAHRU"]
    assert marked(found, DATE) == ["25/12/2018", "25/12/2018"]


def test_a_label_with_a_typing_mistake_finds_the_most_similar_segments() -> None:
    assert marked(label(receipt()), COMPANY) == ["BOOK TA .K(TAMAN DAYA) SDN BND"]
    assert marked(label(receipt(company="SOMETHING ELSE ALTOGETHER")), COMPANY) == []


def test_the_total_is_marked_where_it_is_named_and_left_open_elsewhere() -> None:
    found = label(receipt())
    assert marked(found, TOTAL) == ["9.00"]
    assert marked(found, IGNORED) == ["9.00", "2018-12-25"]
    (named,) = [segment for segment in found if (segment.labels == TOTAL).any()]
    assert named.text == "RM9.00"


def test_the_sign_belongs_to_the_total_if_the_label_has_it() -> None:
    assert marked(label(receipt(total="RM9.00")), TOTAL) == ["RM9.00"]


def test_without_a_row_that_names_it_every_print_is_the_total() -> None:
    rows = [["PEN", "9.00"], ["CASH", "9.00"]]
    assert marked(label(receipt(rows)), TOTAL) == ["9.00", "9.00"]


def test_a_part_of_a_segment_can_be_a_company() -> None:
    rows = [["99 SPEED MART S/B (519537-X)"]]
    assert marked(label(receipt(rows, company="99 SPEED MART S/B")), COMPANY) == ["99 SPEED MART S/B"]


def test_a_place_where_a_segment_begins_is_preferred() -> None:
    rows = [["THANK YOU FOR SHOPPING AT ABC MART"], ["ABC MART"]]
    (found,) = [s.text for s in label(receipt(rows, company="ABC MART")) if (s.labels == COMPANY).any()]
    assert found == "ABC MART"


def test_fields_without_a_label_mark_nothing() -> None:
    found = label(receipt(company="", date="", address="", total=""))
    assert all((segment.labels == 0).all() for segment in found)


def test_encoded_labels_take_in_the_separators_of_a_field() -> None:
    document, labels = encode_labeled(label(receipt()))
    text = "".join(np.array(list(document.text))[labels == ADDRESS])
    assert text == "NO.53, JALAN SAGU 18,\n81100 JOHOR BAHRU"


def test_variations_keep_text_and_labels_together() -> None:
    real = [label(receipt()), label(receipt(company="OTHER SHOP", address="1 LORONG B 12345 IPOH"))]
    augment = Augmenter.of(real, seed=1)
    texts = set()
    for _ in range(60):
        segments = augment(real[0])
        for segment in segments:
            assert len(segment.text) == len(segment.labels)
            assert segment.quad.shape == (4, 2)
            assert np.isfinite(segment.quad).all()
        texts.add("\n".join(segment.text for segment in segments))
    assert len(texts) >= 50
    assert real[0][0].text == RECEIPT[0][0]


def test_amounts_change_together() -> None:
    augment = Augmenter(random.Random(3))
    segments = label(receipt())
    augment._change_amounts(segments)
    pen, total = (next(s.text for s in segments if s.text.startswith(start)) for start in ("", "RM"))
    amounts = [s.text for s in segments if s.text.replace(".", "").isdigit()]
    assert total == f"RM{amounts[0]}"
    assert amounts[0] != "9.00"
    assert marked(segments, TOTAL) == [amounts[0]]
    assert pen


def test_dates_change_together_and_keep_their_form() -> None:
    augment = Augmenter(random.Random(3))
    segments = label(receipt())
    augment._change_dates(segments)
    first, second = marked(segments, DATE)
    assert first == second != "25/12/2018"
    day, month, year = first.split("/")
    (iso,) = [text for text in marked(segments, IGNORED) if "-" in text]
    assert iso == f"{year}-{month}-{day}"


def test_a_rearranged_receipt_keeps_its_text() -> None:
    segments = label(receipt())
    words = sorted(word for segment in segments for word in segment.text.split())
    augment = Augmenter(random.Random(5))
    for _ in range(20):
        again = augment.rearranged(segments)
        assert sorted(word for segment in again for word in segment.text.split()) == words


def test_batches_mix_in_synthetic_receipts() -> None:
    real = [[label(receipt())] for _ in range(40)]
    synthetic = [label(receipt([["SYNTHETIC"]], company="SYNTHETIC")) for _ in range(3)]
    source = batches(real, synthetic, 0.5, seed=0)
    lengths = [len(labels) for _ in range(6) for _, labels in next(source)]
    assert 0.2 < np.mean([length < 20 for length in lengths]) < 0.8


def test_batches_take_a_receipt_as_labeled_or_as_read() -> None:
    read = label(receipt([["READ"]], company="READ"))
    source = batches([[label(receipt()), read] for _ in range(40)], [], 0.0, seed=0)
    lengths = [len(labels) for _ in range(6) for _, labels in next(source)]
    assert 0.2 < np.mean([length < 20 for length in lengths]) < 0.8


def test_labels_without_spaces_are_learned_from_as_read() -> None:
    read = label(receipt([["READ"]], company="READ"))
    spaced = receipt()
    unspaced = dataclasses.replace(spaced, spaced=False)
    assert [len(versions_of(one, [{one.key: read}])) for one in (spaced, unspaced)] == [2, 1]
    assert versions_of(unspaced, [{unspaced.key: read}])[0] is read
    assert versions_of(unspaced, [])[0][0].text == label(unspaced)[0].text


def test_the_same_receipts_are_held_out_every_time() -> None:
    receipts = [receipt(key=str(number), company=f"SHOP {number % 5}") for number in range(50)]
    learned, held_out = split_held_out(receipts, 0.2)
    assert len(learned) == 40
    assert len(held_out) == 10
    assert not {r.key for r in learned} & {r.key for r in held_out}
    assert [r.key for r in split_held_out(receipts, 0.2)[1]] == [r.key for r in held_out]
    assert split_held_out(receipts, 0.0) == (receipts, [])


def test_a_company_with_few_receipts_is_held_out_as_a_whole() -> None:
    receipts = [receipt(key=str(number), company=f"SHOP {number // 2}") for number in range(60)]
    kept = [{r.key for r in split_held_out(receipts, 1 / 3, fold)[1]} for fold in range(3)]
    assert sorted(key for keys in kept for key in keys) == sorted(r.key for r in receipts)
    for keys in kept:
        assert {str(int(key) ^ 1) for key in keys} == keys


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_labels_of_real_receipts_are_found(sroie: Path, name: str) -> None:
    from shared.learning.dataset import load_split

    receipts = load_split(sroie, "train")[:25]
    number = 1 + FIELD_NAMES.index(name)
    found = [any((segment.labels == number).any() for segment in label(one)) for one in receipts if one.entities[name]]
    assert np.mean(found) > 0.9

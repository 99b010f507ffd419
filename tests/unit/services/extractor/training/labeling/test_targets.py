"""What the labels of a dataset say about the classes of the network."""

from __future__ import annotations

import pytest

from services.extractor.network.classes import CLASSES
from services.extractor.training.labeling.fields import IGNORED
from services.extractor.training.labeling.targets import (
    BASIC_OTHER,
    WILD_OTHER,
    cord_target,
    target_table,
    wild_target,
)


def names(number: int) -> set[str]:
    row = target_table()[number]
    return {name for name, is_member in zip(CLASSES, row, strict=True) if is_member}


def test_classes_stand_for_themselves() -> None:
    assert [names(number) for number in range(len(CLASSES))] == [{name} for name in CLASSES]


def test_background_denies_labeled_classes_only() -> None:
    assert {"other", "item_amount", "phone"} <= names(BASIC_OTHER)
    assert not {"company", "date", "address", "total"} & names(BASIC_OTHER)
    assert {"other", "change", "item_unit_price"} <= names(WILD_OTHER)
    assert not {"item_amount", "phone", "tip"} & names(WILD_OTHER)


def test_last_row_denies_nothing() -> None:
    assert target_table()[-1].all()


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Prod_price_value", {"item_amount", "sub_amount"}),
        ("Total_value", {"total"}),
        ("Total_key", {"total_key"}),
    ],
)
def test_wild_labels_cover_their_classes(label: str, expected: set[str]) -> None:
    assert names(wild_target(label)) == expected


def test_unlabeled_print_of_wildreceipt_is_background() -> None:
    assert wild_target("Others") == WILD_OTHER


@pytest.mark.parametrize(
    ("label", "is_key", "announced_by", "expected"),
    [
        ("menu.nm", False, "", {"item_description"}),
        ("menu.cnt", True, "", {"item_unit"}),
        ("total.cashprice", True, "", {"cash_key"}),
        ("sub_total.etc", False, "", {"other_charge", "rounding"}),
        ("sub_total.etc", False, "Rounding", {"rounding"}),
        ("sub_total.etc", False, "FOOD", {"other_charge"}),
    ],
)
def test_cord_labels_cover_their_classes(label: str, is_key: bool, announced_by: str, expected: set[str]) -> None:
    assert names(cord_target(label, is_key=is_key, announced_by=announced_by)) == expected


def test_rare_cord_labels_say_nothing() -> None:
    assert cord_target("menu.vatyn", is_key=False) == IGNORED

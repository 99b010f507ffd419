"""Corrections of other receipts, applied to the fields of this one."""

from __future__ import annotations

import time

import pytest

from services.extractor.merchants import Directory, load_directory
from services.extractor.teaching import Teaching
from shared.contracts import AddressField, Fields, Line, MerchantCorrection, ReceiptField

SHOP = "BENGKEL CEMERLANG SDN. BHD."
STREET = "NO. 187, JALAN USJ 11/4, TAMAN UTAMA, 28025 TEMERLOH"


def lines(*texts: str, confidence: float = 0.9) -> list[Line]:
    return [
        Line(quad=((10, y), (90, y), (90, y + 8), (10, y + 8)), text=text, confidence=confidence)
        for y, text in zip(range(0, 1000, 10), texts, strict=False)
    ]


def field(value: str, *indices: int) -> ReceiptField:
    return ReceiptField(value=value, confidence=0.6, quad=((0, 0), (1, 0), (1, 1), (0, 1)), lines=list(indices))


def address_field(value: str, *indices: int) -> AddressField:
    return AddressField(**field(value, *indices).model_dump())


def lesson(value: str, read: str | None, name: str = "company", company: str | None = None) -> MerchantCorrection:
    return MerchantCorrection.model_validate({"field": name, "value": value, "read": read, "company": company})


def company(
    answered: str | None, text: list[Line], *lessons: MerchantCorrection, known: Directory | None = None
) -> str:
    fields = Fields(company=field(answered, 0) if answered else None)
    found = Teaching(lessons, known or Directory()).apply(fields, text).company
    return "" if found is None else f"{found.value} ({'taught' if found.corrected else 'read'})"


def address(answered: str, text: list[Line], *lessons: MerchantCorrection) -> str:
    found = Teaching(lessons, Directory()).apply(Fields(address=address_field(answered, 0)), text).address
    assert found is not None
    return found.value


def test_applies_a_correction_to_the_same_answer() -> None:
    assert company("BENGKEL GEMERLANG", lines("X"), lesson(SHOP, "BENGKEL GEMERLANG")) == f"{SHOP} (taught)"


def test_corrects_a_nearly_read_name() -> None:
    assert company("BENGKE1 CEMERLANG SDN BHD", lines("X"), lesson(SHOP, "WORKSHOP")) == f"{SHOP} (taught)"


def test_applies_a_taught_spelling_and_keeps_correct_answers() -> None:
    assert company("BENGKEL CEMERLANG SDN BHD", lines("X"), lesson(SHOP, None)) == f"{SHOP} (taught)"
    assert company(SHOP, lines("X"), lesson(SHOP, None)) == f"{SHOP} (read)"


def test_latest_correction_wins() -> None:
    first, second = lesson("BENGKEL CEMERLANG SDN BHD", "BENGKEL"), lesson(SHOP, "BENGKEL")
    assert company("BENGKEL CEMERLANG SDN BHD", lines("X"), first, second) == f"{SHOP} (taught)"
    assert company("BENGKEL CEMERLANG SDN BHD", lines("X"), second, first) == "BENGKEL CEMERLANG SDN BHD (read)"


def test_ignores_a_corrected_heading_on_receipts_of_other_shops() -> None:
    taught = lesson(SHOP, "TAX INVOICE")
    assert company("TAX INVOICE", lines("TAX INVOICE", "OTHER SHOP"), taught) == "TAX INVOICE (read)"


def test_finds_a_taught_name_in_the_text() -> None:
    text = lines("TAX INVOICE", "BENGKEL", "CEMERLANG SDN BHD", "TOTAL 9.00", confidence=0.9)
    found = Teaching([lesson(SHOP, "TAX INVOICE")], Directory()).apply(Fields(company=field("TAX INVOICE", 0)), text)
    assert found.company is not None
    assert (found.company.value, found.company.lines) == (SHOP, [1, 2])
    assert found.company.quad == ((10, 10), (90, 10), (90, 28), (10, 28))
    assert found.company.confidence == 0.6


def test_fills_an_empty_field_with_a_printed_name_at_low_confidence() -> None:
    taught = lesson(SHOP, None)
    assert company(None, lines("RECEIPT", "TOTAL"), taught) == ""
    found = Teaching([taught], Directory()).apply(Fields(), lines("RECEIPT", SHOP)).company
    assert found is not None
    assert (found.value, found.lines, found.corrected) == (SHOP, [1], True)
    assert found.confidence == 0.5


def test_printed_text_decides_between_several_corrections() -> None:
    lessons = [lesson("ALPHA TRADING", "CASH BILL"), lesson("OMEGA HARDWARE", "CASH BILL")]
    assert company("CASH BILL", lines("CASH BILL", "ALPHA TRADING"), *lessons) == "ALPHA TRADING (taught)"
    assert company("CASH BILL", lines("CASH BILL", "OMEGA HARDWARE"), *lessons) == "OMEGA HARDWARE (taught)"


def test_keeps_a_similar_merchant_that_the_directory_knows() -> None:
    known = Directory(["KEDAI MAJU JAYA BARU"])
    taught = lesson("KEDAI MAJU JAYA LARU", "KEDAI")
    assert company("KEDAI MAJU JAYA BARU", lines("X"), taught, known=known) == "KEDAI MAJU JAYA BARU (read)"
    assert company("KEDAI MAJU JAYA BARU", lines("X"), taught) == "KEDAI MAJU JAYA LARU (taught)"


def test_completes_and_corrects_addresses_with_the_same_numbers() -> None:
    taught = lesson(STREET, "NO. 187, JALAN USJ 11/4", "address", SHOP)
    assert address("JALAN USJ 11/4", lines("NO. 187, JALAN USJ 11/4, TAMAN", "UTAMA 28025 TEMERLOH"), taught) == STREET
    assert address(STREET.replace("UTAMA", "UTAHA"), lines("X"), taught) == STREET
    other = STREET.replace("187", "188")
    assert address(other, lines(other), taught) == other


def test_does_not_add_parts_of_one_branch_to_another() -> None:
    branch = f"{STREET} (TESCO NILAI)"
    taught = lesson(branch, STREET, "address", SHOP)
    assert address(STREET, lines(STREET), taught) == STREET
    assert address(STREET, lines(STREET, "(TESCO NILAI)"), taught) == branch


def test_known_answers_change_in_spelling_only_unless_the_correction_is_printed() -> None:
    known = Directory(["KEDAI MAJU JAYA BARU"])
    other = lesson("KEDAI MAJU JAYA LAMA", "KEDAI MAJU JAYA BARU")
    assert company("KEDAI MAJU JAYA BARU", lines("X"), other, known=known) == "KEDAI MAJU JAYA BARU (read)"
    printed = lines("KEDAI MAJU JAYA LAMA")
    assert company("KEDAI MAJU JAYA BARU", printed, other, known=known) == "KEDAI MAJU JAYA LAMA (taught)"
    spelled = lesson("Kedai Maju Jaya Baru", "KEDAI MAJU JAYA BARU")
    assert company("KEDAI MAJU JAYA BARU", lines("X"), spelled, known=known) == "Kedai Maju Jaya Baru (taught)"


def test_accepts_one_misread_digit_at_a_taught_company() -> None:
    fields = Fields(company=field(SHOP, 0), address=address_field(STREET.replace("28025", "28026"), 1))
    lessons = [lesson(SHOP, None), lesson(STREET, None, "address", SHOP)]
    for given, value in ((lessons, STREET), (lessons[:1], STREET.replace("28025", "28026"))):
        found = Teaching(given, Directory()).apply(fields, lines("X")).address
        assert found is not None
        assert found.value == value
        assert (found.street, found.postal_code) == (
            ("NO. 187, JALAN USJ 11/4, TAMAN UTAMA", "28025") if value == STREET else (None, None)
        )


@pytest.mark.parametrize("value", ["", "?!", "   "])
def test_ignores_corrections_without_letters(value: str) -> None:
    assert company("SOME SHOP", lines("X"), lesson(value, "SOME SHOP")) == "SOME SHOP (read)"


def test_keeps_date_and_total() -> None:
    fields = Fields(company=field("A", 0))
    taught = Teaching([lesson(SHOP, "A")], Directory()).apply(fields, lines("X"))
    assert (taught.date, taught.total) == (None, None)


def test_thousand_corrections_take_milliseconds() -> None:
    lessons = [lesson(f"SHOP NUMBER {i} TRADING", f"SH0P {i}") for i in range(1000)]
    known = load_directory()
    text = lines(*(f"ITEM {i} 9.00" for i in range(80)))
    started = time.perf_counter()
    teaching = Teaching(lessons, known)
    for _ in range(10):
        teaching.apply(Fields(company=field("UNKNOWN HARDWARE", 0), address=address_field("SOME STREET 5", 1)), text)
    # It takes about 30 ms; two seconds if each correction is compared with every answer.
    assert time.perf_counter() - started < 1.0

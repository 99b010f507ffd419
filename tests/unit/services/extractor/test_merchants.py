"""The merchant directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.extractor.merchants import Directory, DirectoryError, load_directory, read_vendors
from services.extractor.training.merchants import write_directory

SHOP = "MR. D.I.Y. (KUCHAI) SDN BHD"
STREET = "LOT 1851-A & 1851-B, JALAN KPB 6, KAWASAN PERINDUSTRIAN BALAKONG, 43300 SERI KEMBANGAN, SELANGOR"
OTHER = "NO.59 JALAN PERMAS 9/5 BANDAR BARU PERMAS JAYA 81750 JOHOR BAHRU"


@pytest.fixture
def directory() -> Directory:
    companies = [SHOP, SHOP, SHOP, "PERNIAGAAN ZHENG HUI", "GARDENIA BAKERIES (KL) SDN BHD", "ABC SDN BHD"]
    return Directory(companies, [*[(SHOP, STREET)] * 3, ("PERNIAGAAN ZHENG HUI", OTHER)])


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ("MR D.I.Y (KUCHAI) SDN. BHD.", SHOP),
        ("MR. 0.I.Y. (KUCHA1) SDN BHD", SHOP),
        ("GARDEN1A BAKERIES (KL) SDN BHD", "GARDENIA BAKERIES (KL) SDN BHD"),
        ("PERN1AGAAN ZHENG HUl", "PERNIAGAAN ZHENG HUI"),
        ("PÉRŅIAGAÀN ZHENG HUÍ", "PERNIAGAAN ZHENG HUI"),
    ],
)
def test_corrects_nearly_read_names(directory: Directory, read: str, value: str) -> None:
    correction = directory.company(read)
    assert (correction.value, correction.known, correction.corrected) == (value, True, True)


def test_replaces_a_rare_spelling_unless_read_without_doubt() -> None:
    usual, rare = "NO 290, JALAN AIR PANAS, SETAPAK", "NO 290, JALAN AIR PANAS. SETAPAK"
    directory = Directory(addresses=[("SHOP", usual)] * 5 + [("SHOP", rare)])
    assert directory.address(rare).value == usual
    assert directory.address(rare, sure=True).value == rare
    habits = Directory(addresses=[("SHOP", usual)] * 4 + [("SHOP", rare)])
    assert habits.address(rare).value == rare


@pytest.mark.parametrize("read", ["ABD SDN BHD", "GARDENS SDN BHD", "PERNIAGAAN LIM", "", "SDN BHD", "KUCHAI"])
def test_keeps_unknown_names(directory: Directory, read: str) -> None:
    correction = directory.company(read)
    assert (correction.value, correction.known, correction.corrected) == (read, False, False)


def test_recognizes_correct_names(directory: Directory) -> None:
    assert not directory.company(SHOP).corrected
    assert not directory.company(SHOP.title()).corrected
    assert directory.company(SHOP).known


def test_keeps_names_that_share_only_their_ending() -> None:
    directory = Directory(["ASO ELECTRICAL TRADING SDN BHD"])
    assert not directory.company("KHE ELECTRICAL TRADING").known
    assert directory.company("ASO ELECTRCAL TRADlNC").known


def test_keeps_a_name_equally_similar_to_two_others() -> None:
    directory = Directory(["KEDAI MAJU JAYA A", "KEDAI MAJU JAYA B"])
    assert not directory.company("KEDAI MAJU JAYA C").known


def test_corrects_nearly_read_addresses(directory: Directory) -> None:
    read = "LOT 1851-A & 1851-B. JALAN KPB 6, KAWASAN PERINDUSTRlAN BALAK0NG, 43300 SERI KEMBANGAN, SELANG0R"
    correction = directory.address(read)
    assert (correction.value, correction.corrected) == (STREET, True)


def test_keeps_an_address_with_another_number(directory: Directory) -> None:
    for read in (OTHER.replace("NO.59", "NO.53"), OTHER.replace("9/5", "9/7")):
        assert directory.address(read).value == read


def test_accepts_one_misread_digit_at_a_known_company(directory: Directory) -> None:
    read = OTHER.replace("81750", "81760")
    assert directory.address(read, "PERNIAGAAN ZHENG HUI").value == OTHER
    assert directory.address(read, SHOP).value == read
    assert directory.address(read, "PERNIAGAAN ZHENG HUI", sure=True).value == read


def test_text_read_without_doubt_yields_to_frequent_spellings_only(directory: Directory) -> None:
    assert directory.address(OTHER + ".", sure=True).value == OTHER + "."
    assert directory.address(OTHER + ".").value == OTHER
    assert directory.address(STREET + ".", sure=True).value == STREET


def test_completes_a_known_address_from_the_text(directory: Directory) -> None:
    text = "SHOP LOT 1851-A & 1851-B JALAN KPB 6 KAWASAN PERINDUSTRIAN BALAKONG 43300 SERI KEMBANGAN SELANGOR TEL"
    printed = "".join(character for character in text if character.isalnum())
    assert directory.printed_address(printed, "JALANKPB6KAWASANPERINDUSTRIANBALAKONG") == STREET
    assert directory.printed_address(printed, "SELANGORTEL") is None
    assert directory.printed_address(printed.replace("43300", "43301"), "JALANKPB6") is None


def test_empty_directory_changes_nothing() -> None:
    assert Directory().company("ANY SHOP SDN BHD").value == "ANY SHOP SDN BHD"
    assert Directory().address("ANY STREET").value == "ANY STREET"
    assert len(Directory()) == 0


def test_user_vendors_outweigh_training_labels(tmp_path: Path) -> None:
    path = tmp_path / "merchants.json"
    write_directory({"train": [{"company": "ACME TOOLS SDN. BHD.", "address": ""}] * 5}, path)
    vendors = tmp_path / "vendors.csv"
    vendors.write_text(
        '\ufeffcompany,address,number\nAcme Tools Sdn Bhd,"1, High Street",7\nNew Shop,\n', encoding="utf-8"
    )
    assert read_vendors(vendors) == [("Acme Tools Sdn Bhd", "1, High Street"), ("New Shop", "")]
    assert load_directory(path, vendors).company("ACME TOOLS SDN, BHD").value == "Acme Tools Sdn Bhd"
    as_json = tmp_path / "vendors.json"
    as_json.write_text('[{"company": "New Shop"}]')
    assert read_vendors(as_json) == [("New Shop", "")]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("vendors.csv", "name\nA\n", "vendor 1 has no `company`"),
        ("vendors.json", "{}", "a JSON list"),
        ("vendors.json", "nonsense", "cannot be read"),
        ("missing.csv", None, "cannot be read"),
    ],
)
def test_names_an_unreadable_vendor_list(tmp_path: Path, name: str, content: str | None, complaint: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(DirectoryError, match=complaint) as caught:
        read_vendors(path)
    assert name in str(caught.value)


def test_released_directory_is_valid() -> None:
    directory = load_directory()
    assert len(directory) > 300
    assert directory.company("UNIHAKKA INTERNATIONAL SDN BHD").known

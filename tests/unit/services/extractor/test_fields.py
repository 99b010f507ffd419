"""Fields from the probabilities of characters."""

from __future__ import annotations

import numpy as np
import pytest

from services.extractor.dates import best_date
from services.extractor.encoding import Document, TextSegment, encode
from services.extractor.fields import FieldReader
from services.extractor.merchants import Directory
from services.extractor.scoring import Evidence, Scoring
from services.extractor.spans import best_span
from shared.contracts import FIELD_NAMES, Fields

Rows = list[list[str]]


def segments(rows: Rows, confidence: float = 1.0) -> list[TextSegment]:
    found = []
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            x, y = 300.0 * column, 40.0 * number
            quad = np.array([[x, y], [x + 250, y], [x + 250, y + 20], [x, y + 20]], np.float32)
            found.append(TextSegment(quad, text, confidence=confidence))
    return found


def scores(document: Document, **marked: list[str]) -> np.ndarray:
    """Return the probabilities of a certain network: the texts of each field in order, the rest is other."""
    result = np.full((len(document.text), 5), 0.01, np.float32)
    result[:, 0] = 0.96
    for name, texts in marked.items():
        at = 0
        for text in texts:
            at = document.text.index(text, at)
            result[at : at + len(text)] = 0.01
            result[at : at + len(text), 1 + FIELD_NAMES.index(name)] = 0.96
            at += len(text)
    return result


def read(rows: Rows, directory: Directory | None = None, confidence: float = 1.0, **marked: list[str]) -> Fields:
    given = segments(rows, confidence)
    document = encode(given)
    return FieldReader(Scoring(), directory).read(given, document, scores(document, **marked)).fields


def test_finds_no_fields_without_text_or_likely_characters() -> None:
    assert read([]) == Fields()
    assert read([["THANK YOU"], ["TOTAL", "9.00"], ["25/12/2018"]]) == Fields()


def test_leaves_out_a_brand_above_a_whole_legal_name() -> None:
    fields = read([["SARANG CAFE"], ["TRENDY HOUSE SDN. BHD."]], company=["SARANG CAFE", "TRENDY HOUSE SDN. BHD."])
    assert fields.company is not None
    assert fields.company.value == "TRENDY HOUSE SDN. BHD."
    assert fields.company.lines == [1]
    fields = read([["SARANG CAFE"], ["TRENDYHOUSE (M) SDN BHD"]], company=["SARANG CAFE", "TRENDYHOUSE (M) SDN BHD"])
    assert fields.company is not None
    assert fields.company.value == "TRENDYHOUSE (M) SDN BHD"


def test_prefers_a_legal_name_a_few_lines_below_a_brand() -> None:
    rows = [["BASKIN ROBBINS"], ["DESA PARK CITY"], ["GOLDEN SCOOP SDN BHD (169609-A)"], ["A-16-1, TOWER A"]]
    fields = read(rows, company=["BASKIN ROBBINS"])
    assert fields.company is not None
    assert fields.company.value == "GOLDEN SCOOP SDN BHD"
    assert fields.company.lines == [2]
    known = read(rows, Directory(["BASKIN ROBBINS"]), company=["BASKIN ROBBINS"])
    assert known.company is not None
    assert known.company.value == "BASKIN ROBBINS"


def test_keeps_the_punctuation_and_the_brand_of_other_countries() -> None:
    address = "19 QUEEN STREET. LONDON SW1A 1AA"
    fields = read([["SARANG CAFE"], [address], ["VAT", "£9.00"]], confidence=0.9, address=[address])
    assert fields.address is not None
    assert fields.address.value == address


@pytest.mark.parametrize(
    ("line", "marked", "value"),
    [
        ("FRI 23-10-92", "FRI 23-10-92", "FRI 23-10-92"),
        ("FRI 23-10-92", "23-10-92", "23-10-92"),
        ("Freitag, 23.10.1992 18:05", "Freitag, 23.10.1992", "Freitag, 23.10.1992"),
        ("23-10-92 (FRI) 18:05", "23-10-92 (FRI)", "23-10-92 (FRI)"),
        ("23-10-92 FRI", "23-10-92", "23-10-92"),
    ],
)
def test_the_network_tells_whether_a_weekday_belongs_to_the_date(line: str, marked: str, value: str) -> None:
    fields = read([[line]], date=[marked])
    assert fields.date is not None
    assert fields.date.value == value


@pytest.mark.parametrize(
    ("row", "value", "iso", "lines"),
    [
        (["APRIL", "1, 2016", "8:39 AM"], "APRIL 1, 2016", "2016-04-01", [0, 1]),
        (["Tuesday", "5- 4-2011"], "Tuesday 5- 4-2011", "2011-04-05", [0, 1]),
        (["Jun", "15", "12:47:59 2011"], "Jun 15", "2011-06-15", [0, 1]),
        (["1", "Jul.30'11"], "Jul.30'11", "2011-07-30", [1]),
        (["No 3", "1/2/2018"], "1/2/2018", "2018-02-01", [1]),
    ],
)
def test_reads_dates_of_several_segments(row: list[str], value: str, iso: str, lines: list[int]) -> None:
    fields = read([row], date=row)
    assert fields.date is not None
    assert (fields.date.value, fields.date.iso, fields.date.lines) == (value, iso, lines)


@pytest.mark.parametrize(("company", "least", "most"), [("AUSTIN", 0.0, 0.5), ("AUSTIN BAKERY", 0.8, 1.0)])
def test_a_company_that_is_the_city_of_its_address_is_doubted(company: str, least: float, most: float) -> None:
    rows = [[company], ["12 Main St, Austin, TX 78765"]]
    fields = read(rows, company=[company], address=["12 Main St, Austin, TX 78765"])
    assert fields.company is not None
    assert fields.address is not None
    assert fields.address.city == "Austin"
    assert least <= fields.company.confidence <= most


@pytest.mark.parametrize("caption", ["Owned by: ", "FACEBOOK : -"])
def test_leaves_out_the_caption_of_a_company(caption: str) -> None:
    line = f"{caption}CHEF LEE SDN BHD"
    fields = read([[line], ["LOT 5"]], company=[line])
    assert fields.company is not None
    assert fields.company.value == "CHEF LEE SDN BHD"


@pytest.mark.parametrize("rest", ["CO. (M) SDN BHD", "SDN BHD", "& TEA LEAF (M) SDN. BHD."])
def test_keeps_a_name_continued_with_its_legal_form(rest: str) -> None:
    fields = read([["POPULAR BOOK"], [rest]], company=["POPULAR BOOK", rest])
    assert fields.company is not None
    assert fields.company.value == f"POPULAR BOOK {rest}"


def test_cuts_a_company_before_its_registration_number() -> None:
    fields = read([["99 SPEED MART S/B (519537-X)"], ["LOT P.T. 2811"]], company=["99 SPEED MART S/B"])
    assert fields.company is not None
    assert fields.company.value == "99 SPEED MART S/B"
    assert fields.company.lines == [0]
    assert not fields.company.corrected


def test_cuts_a_company_before_a_bracket_without_a_space() -> None:
    fields = read([["MYNEWS RETAIL SB(306295-X) FKA BISON"]], company=["MYNEWS RETAIL SB"])
    assert fields.company is not None
    assert fields.company.value == "MYNEWS RETAIL SB"


def test_keeps_brackets_within_a_name() -> None:
    fields = read([["MR D.I.Y. (M) SDN BHD"]], company=["MR D.I.Y. (M) SDN BHD"])
    assert fields.company is not None
    assert fields.company.value == "MR D.I.Y. (M) SDN BHD"


def test_joins_the_segments_of_an_address_with_spaces() -> None:
    rows = [["SHOP"], ["NO.53 55,57 & 59, JALAN SAGU 18,"], ["TAMAN DAYA,"], ["81100 JOHOR  BAHRU."], ["TEL: 07"]]
    fields = read(rows, address=[rows[1][0], rows[2][0], rows[3][0]])
    assert fields.address is not None
    assert fields.address.value == "NO.53 55,57 & 59, JALAN SAGU 18, TAMAN DAYA, 81100 JOHOR BAHRU."
    assert fields.address.lines == [1, 2, 3]
    assert fields.address.quad == ((0.0, 40.0), (250.0, 40.0), (250.0, 140.0), (0.0, 140.0))


def test_corrects_usual_misreadings_in_malaysian_addresses_unless_read_without_doubt() -> None:
    rows = [["19, JALAN KANCIL. OFF JALAN PUDU"], ["SELANGOR, MALAYSIA"], ["TOTAL RM 9.00"]]
    unsure, sure = (read(rows, confidence=one, address=[rows[0][0]]).address for one in (0.9, 1.0))
    assert unsure is not None
    assert sure is not None
    assert unsure.value == "19, JALAN KANCIL, OFF JALAN PUDU"
    assert sure.value == rows[0][0]


def test_address_spans_one_foreign_segment_but_not_two() -> None:
    one = read([["1 JALAN A"], ["TEL 1"], ["50000 KL"]], address=["1 JALAN A", "50000 KL"])
    assert one.address is not None
    assert one.address.value == "1 JALAN A 50000 KL"
    two = read([["1 JALAN BESAR"], ["TEL 1"], ["TEL 2"], ["50000 KL"]], address=["1 JALAN BESAR", "50000 KL"])
    assert two.address is not None
    assert two.address.value == "1 JALAN BESAR"


def test_first_and_last_lines_need_a_high_probability() -> None:
    given = segments([["CUSTOMER COPY"], ["LEE TRADING"], ["(M) SDN BHD"]])
    document = encode(given)
    sure = np.array([0.65, 0.99, 0.95])[document.segment].astype(np.float32)
    span = best_span(document, sure, skip=0, most=4, edge=0.72)
    assert span is not None
    assert span.text(document) == "LEE TRADING (M) SDN BHD"
    unsure = np.array([0.65, 0.7, 0.6])[document.segment].astype(np.float32)
    span = best_span(document, unsure, skip=0, most=4, edge=0.72)
    assert span is not None
    assert len(span.parts) == 3


def test_single_unlikely_characters_do_not_cut_a_word() -> None:
    given = segments([["RESTORAN WAN SHENG"]])
    document = encode(given)
    probability = np.full(len(document.text), 0.9, np.float32)
    probability[10:12] = 0.1
    span = best_span(document, probability, skip=0, most=4)
    assert span is not None
    assert span.text(document) == "RESTORAN WAN SHENG"
    assert 0.7 < span.score < 0.9


def test_doubt_is_the_least_clear_segment() -> None:
    document = encode(segments([["SHOP NAME"], ["OTHER"]]))
    probability = np.where(document.segment == 0, 0.95, 0.4).astype(np.float32)
    span = best_span(document, probability, skip=0, most=4)
    assert span is not None
    assert span.doubt == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("printed", "value", "iso"),
    [
        ("DATE: 25/12/2018 8:13 PM", "25/12/2018", "2018-12-25"),
        ("25 DEC 2018", "25 DEC 2018", "2018-12-25"),
        ("31/02/2018", "31/02/2018", None),
        ("25/l2/2O18", "25/12/2018", "2018-12-25"),
    ],
)
def test_answers_dates_as_printed_and_in_iso(printed: str, value: str, iso: str | None) -> None:
    fields = read([["SHOP"], [printed]], date=[printed])
    assert fields.date is not None
    assert (fields.date.value, fields.date.iso, fields.date.lines) == (value, iso, [1])


def test_reads_the_month_first_in_the_united_states() -> None:
    fields = read([["12 Main St, Austin, TX 78765"], ["03/04/2018"]], date=["03/04/2018"])
    assert fields.date is not None
    assert fields.date.iso == "2018-03-04"


@pytest.mark.parametrize(
    ("shop", "printed", "month_first", "iso", "ambiguous"),
    [
        ("SHOP", "03/04/2018", False, "2018-04-03", True),
        ("SHOP", "03/04/2018", True, "2018-03-04", True),
        ("SHOP", "25/04/2018", True, "2018-04-25", False),
        ("SHOP", "04/04/2018", False, "2018-04-04", False),
        ("SHOP", "3 APR 2018", True, "2018-04-03", False),
        ("SHOP SDN BHD", "03/04/2018", True, "2018-04-03", False),
        ("SHOP", "24/02/13", False, "2013-02-24", True),
        ("SHOP SDN BHD", "24/02/13", False, "2013-02-24", False),
    ],
)
def test_marks_undecided_dates_as_ambiguous(
    shop: str, printed: str, month_first: bool, iso: str, ambiguous: bool
) -> None:
    given = segments([[shop], [printed]])
    document = encode(given)
    reader = FieldReader(Scoring(), month_first=month_first)
    date = reader.read(given, document, scores(document, date=[printed])).fields.date
    assert date is not None
    assert (date.iso, date.ambiguous) == (iso, ambiguous)
    assert (date.confidence <= 0.7) is ambiguous


def test_leaves_out_fields_with_low_confidence() -> None:
    given = segments([["SHOP"], ["TOTAL", "9.00"], ["25/12/2018"]], confidence=0.5)
    document = encode(given)
    marked = scores(document, company=["SHOP"], total=["9.00"], date=["25/12/2018"])
    everything = FieldReader(Scoring()).read(given, document, marked)
    found = {name: field.confidence for name in FIELD_NAMES if (field := getattr(everything.fields, name))}
    assert len(found) == 3
    least = sorted(found.values())[1]
    likely = FieldReader(Scoring(), least_confidence=least).read(given, document, marked)
    kept = {name for name in FIELD_NAMES if getattr(likely.fields, name) is not None}
    assert kept == {name for name, confidence in found.items() if confidence >= least} != found.keys()
    assert likely.evidence == everything.evidence


def test_prefers_possible_dates() -> None:
    document = encode(segments([["41/12/2018"], ["11/12/2018"]]))
    probability = np.where(document.segment == 0, 0.9, 0.6).astype(np.float32)
    found = best_date(document, probability)
    assert found is not None
    assert found.match.text == "11/12/2018"


@pytest.mark.parametrize(
    ("printed", "value", "amount", "currency"),
    [
        ("9.00", "9.00", "9.00", None),
        ("RM9.00", "RM9.00", "9.00", "MYR"),
        ("$ 9.00", "9.00", "9.00", None),
        ("9,00€", "9,00€", "9.00", "EUR"),
        ("9,00 EUR", "9,00", "9.00", "EUR"),
        ("£9.00", "£9.00", "9.00", "GBP"),
        ("1,234.50", "1,234.50", "1234.50", None),
        ("-9.00", "-9.00", "-9.00", None),
        ("1O.5O", "10.50", "10.50", None),
    ],
)
def test_answers_totals_as_printed_with_amount_and_currency(
    printed: str, value: str, amount: str, currency: str | None
) -> None:
    fields = read([["TOTAL", printed]], total=[printed.replace("$ ", "").replace(" EUR", "")])
    assert fields.total is not None
    assert (fields.total.value, fields.total.amount, fields.total.currency) == (value, amount, currency)


@pytest.mark.parametrize(("read_as", "iso"), [("24/05/184", "2018-05-24"), ("12/03/2918 13:07", "2018-03-12")])
def test_repairs_dates_with_an_extra_digit_or_a_distant_year(read_as: str, iso: str) -> None:
    fields = read([["SHOP"], [read_as]], date=[read_as])
    assert fields.date is not None
    assert fields.date.iso == iso


def test_confidence_rises_with_probability_and_falls_with_doubt_and_misreading() -> None:
    scoring = Scoring()
    sure = scoring.probability("company", Evidence(score=0.99))
    assert sure > scoring.probability("company", Evidence(score=0.8))
    assert sure > scoring.probability("company", Evidence(score=0.99, doubt=0.9))
    assert sure > scoring.probability("company", Evidence(score=0.99, reading=0.5)) > 0.0
    assert scoring.probability("company", Evidence(score=0.99, reading=0.0)) < 0.1
    assert 0.0 <= scoring.probability("total", Evidence(score=0.0)) <= sure <= 1.0


def test_reading_confidence_counts_unless_the_directory_has_the_value() -> None:
    rows = [["ABC TRADING"]]
    plain = read(rows, company=["ABC TRADING"])
    unsure = read(rows, confidence=0.5, company=["ABC TRADING"])
    known = read(rows, Directory(["ABC TRADING"]), confidence=0.5, company=["ABC TRADING"])
    assert plain.company is not None
    assert unsure.company is not None
    assert known.company is not None
    assert unsure.company.confidence < plain.company.confidence <= known.company.confidence
    assert not known.company.corrected


def test_reports_corrections_by_the_directory() -> None:
    directory = Directory(
        ["UNIHAKKA INTERNATIONAL SDN BHD"], [("UNIHAKKA INTERNATIONAL SDN BHD", "12, JALAN TAMPOI 7/4, 81200 JOHOR")]
    )
    rows = [["UNIHAKKA INTERNATI0NAL SDN BHD"], ["12, JALAN TAMPOL 7/4."], ["81200 JOHOR"]]
    fields = read(rows, directory, 0.9, company=[rows[0][0]], address=[rows[1][0], rows[2][0]])
    assert fields.company is not None
    assert fields.address is not None
    assert (fields.company.value, fields.company.corrected) == ("UNIHAKKA INTERNATIONAL SDN BHD", True)
    assert (fields.address.value, fields.address.corrected) == ("12, JALAN TAMPOI 7/4, 81200 JOHOR", True)
    without = read(rows, None, 0.9, company=[rows[0][0]], address=[rows[1][0], rows[2][0]])
    assert without.company is not None
    assert (without.company.value, without.company.corrected) == ("UNIHAKKA INTERNATI0NAL SDN BHD", False)


def test_finds_a_known_company_next_to_an_unclear_line() -> None:
    given = segments([["TAN WOON YANN"], ["MR D.I.Y. (JOHOR) SDN BHD"]])
    document = encode(given)
    marked = scores(document, company=["TAN WOON YANN", "MR D.I.Y. (JOHOR) SDN BHD"])
    marked[document.segment == 0, 1] = 0.6
    reader = FieldReader(Scoring(), Directory(["MR D.I.Y. (JOHOR) SDN BHD"]))
    fields = reader.read(given, document, marked).fields
    assert fields.company is not None
    assert fields.company.value == "MR D.I.Y. (JOHOR) SDN BHD"
    assert fields.company.lines == [1]
    assert not fields.company.corrected

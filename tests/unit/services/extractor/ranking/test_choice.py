"""The choice of companies and addresses among runs of segments."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from services.extractor.encoding import Document, TextSegment, encode
from services.extractor.fields import FieldReader
from services.extractor.merchants import Directory
from services.extractor.network.classes import CLASSES
from services.extractor.ranking.choice import Choice, RankedField, RunWeights, choose_run, choose_runs, list_candidates
from services.extractor.ranking.evidence import find_evidence
from services.extractor.ranking.runs import FEATURES, describe_runs, score_runs
from services.extractor.ranking.units import INDEX, build_units
from services.extractor.scoring import Scoring
from shared.arrays import Floats
from shared.contracts import Fields

HEADER = ["THANK YOU FOR SHOPPING", "WHOLE FOODS MARKET", "250 7TH AVENUE", "Tel: 212-924-5969", "NEW YORK, NY 10001"]
NO_WEIGHTS = RunWeights(weights={}, none=0.0)


def receipt(rows: list[str]) -> list[TextSegment]:
    """Return one segment per row."""
    return [
        TextSegment(np.array([[0, y], [300, y], [300, y + 20], [0, y + 20]], np.float32), text)
        for y, text in zip(range(0, 40 * len(rows), 40), rows, strict=True)
    ]


def probabilities(document: Document, **marked: str) -> Floats:
    """Return the probabilities of a network that is sure of one text for each class only."""
    scores = np.full((len(document.text), len(CLASSES) + 1), 0.001, np.float32)
    scores[:, 0] = 0.9
    for name, text in marked.items():
        start = document.text.index(text)
        scores[start : start + len(text), CLASSES.index(name)] = 0.8
    return scores


def choose(rows: list[str], weights: dict[str, float], marked: dict[str, str], *, none: float, name: str) -> Choice:
    document = encode(receipt(rows))
    units = build_units(document, probabilities(document, **marked), find_evidence(document.text))
    fitted = RunWeights(weights=weights, none=none)
    choice = choose_run(document, units, "address" if name == "address" else "company", fitted, set())
    assert choice is not None
    return choice


def chosen_text(rows: list[str], weights: dict[str, float], name: str = "company", **marked: str) -> str:
    return choose(rows, weights, marked, none=-50.0, name=name).span.text(encode(receipt(rows)))


def test_weights_decide_between_runs() -> None:
    by_network = {"mean_logit": 1.0, "share_of_mass": 5.0}
    assert chosen_text(HEADER, by_network, company="WHOLE FOODS MARKET") == "WHOLE FOODS MARKET"
    assert chosen_text(HEADER, by_network, company="THANK YOU") == "THANK YOU"
    no_thanks = by_network | {"sum_thanks_word": -100.0, "mean_brand": 20.0}
    assert chosen_text(HEADER, no_thanks, company="THANK YOU") == "WHOLE FOODS MARKET"


def test_a_run_may_leave_out_a_segment_in_between() -> None:
    weights = {"mean_logit": 1.0, "share_of_mass": 20.0, "sum_phone_like": -40.0, "skips": -1.0}
    marked = {"address": "250 7TH AVENUE\nTel: 212-924-5969\nNEW YORK, NY 10001", "phone": "212-924-5969"}
    document = encode(receipt(HEADER))
    scores = probabilities(document, **marked)
    scores[document.text.index("Tel") : document.text.index("NEW"), CLASSES.index("address")] = 0.1
    units = build_units(document, scores, find_evidence(document.text))
    choice = choose_run(document, units, "address", RunWeights(weights=weights, none=-50.0), set())
    assert choice is not None
    assert choice.span.text(document) == "250 7TH AVENUE NEW YORK, NY 10001"
    assert [part.place for part in choice.span.parts] == [2, 4]


def test_probabilities_of_runs_and_of_none_add_up() -> None:
    marked = {"company": "WHOLE FOODS MARKET"}
    choice = choose(HEADER, {"mean_logit": 1.0}, marked, none=2.0, name="company")
    assert 0 < choice.runner_up <= choice.probability < 1
    assert 0 < choice.missing < 1
    assert choice.probability + choice.runner_up + choice.missing <= 1
    assert choice.span.score == pytest.approx(0.8, abs=0.01)
    sure = choose(HEADER, {"mean_logit": 1.0}, marked, none=99.0, name="company")
    assert sure.missing == pytest.approx(1.0)


def test_fast_scores_are_the_weighted_features() -> None:
    document = encode(
        receipt([*HEADER, "WHOLE FOODS MARKET 250 7TH AVENUE", "TOTAL $ 9.00", "www.wholefoodsmarket.com"])
    )
    scores = probabilities(document, company="FOODS MARKET", address="250 7TH")
    units = build_units(document, scores, find_evidence(document.text))
    weights = np.random.default_rng(0).normal(size=len(FEATURES))
    known = {"WHOLEFOODSMARKET", "2507THAVENUENEWYORKNY10001"}
    for name in ("company", "address"):
        runs = list_candidates(document, units, "company" if name == "company" else "address")
        features = describe_runs(document, units, runs, known, field=name)
        assert features.shape == (len(runs.first), len(FEATURES))
        np.testing.assert_allclose(score_runs(document, units, runs, known, weights, field=name), features @ weights)
        assert features[:, FEATURES.index("known")].sum() >= 1


def test_describes_what_the_words_say() -> None:
    rows = ["WHOLE FOODS MARKET", "250 7TH AVENUE", "NEW YORK, NY 10001", "212-924-5969", "www.wholefoodsmarket.com"]
    document = encode(receipt(rows))
    units = build_units(document, probabilities(document), find_evidence(document.text))
    names = ("brand", "site_name", "street", "place_and_code", "phone_like")
    told = {name: units.features[: len(rows), INDEX[name]].tolist() for name in names}
    assert told["brand"][0] == 1.0
    assert told["brand"][2] == 0.0
    assert told["site_name"][0] == 1.0
    assert told["street"] == [0, 1, 0, 0, 0]
    assert told["place_and_code"] == [0, 0, 1, 0, 0]
    assert told["phone_like"] == [0, 0, 0, 1, 0]


def test_tells_the_end_of_a_broken_legal_name_from_a_whole_one() -> None:
    rows = ["The Corner Stone", "Bistro Inc.", "Harbor Foods Inc.", "Sdn. Bhd.", "TOTAL 9.00"]
    document = encode(receipt(rows))
    features = build_units(document, probabilities(document), find_evidence(document.text)).features[: len(rows)]
    assert features[:, INDEX["legal_end"]].tolist() == [0, 1, 1, 1, 0]
    assert features[:, INDEX["one_word_legal"]].tolist() == [0, 1, 0, 0, 0]
    assert features[:, INDEX["bare_legal"]].tolist() == [0, 0, 0, 1, 0]


def test_a_brand_within_a_sentence_is_a_candidate() -> None:
    rows = ["THANK YOU", "The Walmart Team appreciates your business", "TOTAL 9.00"]
    assert chosen_text(rows, {"mean_brand": 20.0, "sum_is_brand": 1.0}) == "Walmart"
    assert chosen_text(rows, {"mean_street": 1.0, "mean_brand": 20.0}, name="address") != "Walmart"


@pytest.mark.parametrize("rows", [["."], ["x0"], ["9.00", "12"]])
def test_receipt_without_words_has_no_choice(rows: list[str]) -> None:
    document = encode(receipt(rows))
    units = build_units(document, probabilities(document), find_evidence(document.text))
    assert choose_run(document, units, "address", NO_WEIGHTS, set()) is None


def choose_both(rows: list[str], *, company_none: float, address_none: float, **marked: str) -> dict[str, str]:
    """Return what is chosen by the network's probabilities."""
    document = encode(receipt(rows))
    units = build_units(document, probabilities(document, **marked), find_evidence(document.text))
    by_network = {"mean_logit": 1.0, "share_of_mass": 5.0}
    weights: dict[RankedField, RunWeights] = {
        "company": RunWeights(weights=by_network, none=company_none),
        "address": RunWeights(weights=by_network | {"sum_street": 9.0}, none=address_none),
    }
    found = choose_runs(document, units, weights, {"company": set(), "address": set()})
    return {name: choice.span.text(document) for name, choice in found.items()}


def test_a_part_of_a_likelier_address_is_not_a_company() -> None:
    marked = {"company": "MAIN", "address": "12 MAIN STREET"}
    rows = ["12 MAIN STREET", "BAKERY", "TOTAL 9.00"]
    found = choose_both(rows, company_none=5.0, address_none=-50.0, **marked)
    assert found["address"] == "12 MAIN STREET"
    assert "MAIN" not in found["company"]
    # Here the receipt hardly has an address.
    assert choose_both(rows, company_none=-50.0, address_none=50.0, **marked)["company"] == "MAIN"


def test_a_field_that_is_likelier_missing_is_absent() -> None:
    marked = {"company": "WHOLE FOODS MARKET"}
    likely = choose(HEADER, {"mean_logit": 3.0}, marked, none=-50.0, name="company")
    missing = choose(HEADER, {"mean_logit": 3.0}, marked, none=50.0, name="company")
    assert (likely.is_absent, missing.is_absent) == (False, True)


def test_a_choice_below_even_odds_is_unlikely_unless_it_is_a_brand() -> None:
    rows = ["HARBOR SUN", "FOUNTAIN", "TOTAL 9.00"]
    even = choose(rows, {}, {"company": "HARBOR SUN"}, none=-50.0, name="company")
    sure = choose(rows, {"mean_logit": 9.0}, {"company": "HARBOR SUN"}, none=-50.0, name="company")
    brand = choose(HEADER, {"mean_brand": 0.1}, {}, none=1.0, name="company")
    assert (even.is_unlikely, sure.is_unlikely, brand.is_unlikely) == (True, False, False)


def test_leaves_out_brackets_without_text() -> None:
    segments = receipt(["SAFEWAY ()", "TOTAL 9.00"])
    document = encode(segments)
    scores = probabilities(document, company="SAFEWAY ()")
    scoring = Scoring(runs={"company": RunWeights(weights={"mean_logit": 5.0}, none=-50.0)})
    company = FieldReader(scoring).read(segments, document, scores).fields.company
    assert company is not None
    assert company.value == "SAFEWAY"


def test_unknown_features_are_rejected() -> None:
    with pytest.raises(ValidationError, match="unknown features: tea"):
        RunWeights(weights={"tea": 1.0}, none=0.0)


def test_fields_take_the_choice_and_its_evidence() -> None:
    segments = receipt(HEADER)
    document = encode(segments)
    scores = probabilities(document, company="THANK YOU FOR SHOPPING", address="250 7TH AVENUE")
    weights = {"mean_logit": 0.1, "mean_brand": 20.0, "sum_is_brand": -80.0}
    scoring = Scoring(runs={"company": RunWeights(weights=weights, none=-5.0)})
    result = FieldReader(scoring, Directory(["WHOLE FOODS MARKET"])).read(segments, document, scores)
    assert result.fields.company is not None
    assert result.fields.company.value == "WHOLE FOODS MARKET"
    assert result.evidence["company"].score > 0.9
    assert result.evidence["company"].signs["network"] < 0
    # Without weights for it, the address is chosen by rules.
    assert result.fields.address is not None
    assert "network" not in result.evidence["address"].signs
    assert FieldReader(scoring).read([], encode([]), np.zeros((0, len(CLASSES) + 1), np.float32)).fields == Fields()


def test_networks_of_four_fields_ignore_the_weights() -> None:
    segments = receipt(HEADER)
    document = encode(segments)
    scores = probabilities(document, company="THANK YOU FOR SHOPPING")[:, :5]
    scoring = Scoring(runs={"company": RunWeights(weights={"mean_brand": 20.0}, none=-5.0)})
    company = FieldReader(scoring).read(segments, document, scores).fields.company
    assert company is not None
    assert company.value == "THANK YOU FOR SHOPPING"

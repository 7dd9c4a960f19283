"""Claims of fact as ClaimReview: only types and properties that schema.org has, and what the ledger says in them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qantar.account.schema import Claim
from qantar.cli.main import main
from qantar.report.claimreview import RATINGS, claim_reviews
from qantar.verdicts.claims import Judged, judge
from qantar.verdicts.load import Loaded

THING = {"@type", "@id", "name", "url"}
CREATIVE_WORK = THING | {"inLanguage", "datePublished", "author", "citation", "contributor", "correction", "abstract", "archivedAt"}
PROPERTIES = {
    "ClaimReview": CREATIVE_WORK | {"claimReviewed", "itemReviewed", "reviewBody", "reviewRating"},
    "Claim": CREATIVE_WORK | {"appearance"},
    "Rating": THING | {"alternateName", "ratingValue", "bestRating", "worstRating"},
    "CreativeWork": CREATIVE_WORK,
    "Organization": THING,
    "Person": THING,
}
"""Of each type of schema.org that is used, its properties and those of its parents (https://schema.org/ClaimReview, version 29)."""
RANGES = {
    "itemReviewed": {"Claim"}, "reviewRating": {"Rating"}, "author": {"Organization", "Person"}, "contributor": {"Person"}, "appearance": {"CreativeWork"}, "citation": {"CreativeWork"},
}  # fmt: skip
"""Types that a property may hold, of those used."""


def faults(node: Any) -> list[str]:
    """What of a node schema.org does not know."""
    found = [f"{node.get('@type')}.{key}" for key in set(node) - PROPERTIES.get(node.get("@type"), set())]
    for key, value in node.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                found += [] if each.get("@type") in RANGES.get(key, set()) else [f"{key}: {each.get('@type')}"]
                found += faults(each)
            elif not isinstance(each, str | int):
                found.append(f"{key}: {each!r}")
    return found


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_claim_of_fact_is_a_valid_claim_review(loaded: Loaded, lang: str) -> None:
    judged = judge(loaded.account, loaded.trials())
    document = json.loads(claim_reviews(loaded.account, judged, lang))
    assert document["@context"] == "https://schema.org"
    facts = {j.claim.claim_id: j for j in judged if j.claim.kind == "fact"}
    assert [r["@id"] for r in document["@graph"]] == [f"#{c}" for c in facts]
    for review in document["@graph"]:
        assert faults(review) == []
        j = facts[review["@id"][1:]]
        assert review["claimReviewed"] == getattr(j.claim, f"claim_{lang}")
        assert review["reviewRating"].get("ratingValue") == RATINGS.get(j.word)
        assert review["reviewRating"]["alternateName"]
        assert all(c.get("url", "https://").startswith("http") for c in review["citation"])


def test_a_property_that_schema_org_does_not_have_is_noticed() -> None:
    assert faults({"@type": "Rating", "stars": 5}) == ["Rating.stars"]
    assert faults({"@type": "ClaimReview", "itemReviewed": {"@type": "Rating"}}) == ["itemReviewed: Rating"]


def test_the_command_prints_the_claims_that_were_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["verdicts", "kazakhstan-2022", "--claim-review", "--verdict", "contradicted"])
    found = json.loads(capsys.readouterr().out)["@graph"]
    assert found
    assert {r["reviewRating"]["ratingValue"] for r in found} == {1}


def test_what_a_desk_writes_is_in_terms_of_schema_org(loaded: Loaded) -> None:
    desk = {"said_by": "A", "said_on": "2022-01-12", "link": "https://example.org/x", "archived": "https://example.org/1", "checked_by": "B",
            "checked_on": "2026-01-02", "corrections": "2026-01-03: a date.", "summary_en": "In short."}  # fmt: skip
    row = {"claim_id": "C1", "section": "1", "paragraph": "1", "kind": "fact", "claim_en": "So.", "verdict": "partly", **desk}
    judged = [Judged(Claim.model_validate(row), "record", ())]
    for lang in ("en", "zh"):
        (review,) = json.loads(claim_reviews(loaded.account, judged, lang))["@graph"]
        assert faults(review) == []
        assert (review["claimReviewed"], review["abstract"]) == ("So.", "In short.")  # where one language is missing, the other stands

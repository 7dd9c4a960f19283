"""Claims of fact for other fact-checkers: ClaimReview of schema.org, as JSON-LD."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from qantar.account.account import Account
from qantar.account.schema import Claim
from qantar.messages import LANGUAGES, text
from qantar.report.pairs import safe_link
from qantar.verdicts.claims import Judged

RATINGS = {"contradicted": 1, "partly": 3, "supported": 5}
"""Of five; what cannot be verified has a word and no number."""


def claim_reviews(account: Account, judged: Iterable[Judged], lang: str) -> str:
    """One `ClaimReview` for each claim of fact that was judged, in one language, in the order of the ledger.

    None of a claim that nobody has paraphrased, nor of one whose evidence is still a draft: these are not published.
    """
    facts = [j for j in judged if j.claim.kind == "fact" and j.claim.verdict not in ("open", "not-empirical")]
    reviews = [_review(account, j, lang) for j in facts if not (j.claim.unparaphrased or j.claim.drafted)]
    return json.dumps({"@context": "https://schema.org", "@graph": reviews}, ensure_ascii=False, indent=1) + "\n"


def _review(account: Account, j: Judged, lang: str) -> dict[str, Any]:
    claim, head = j.claim, account.head
    rating: dict[str, Any] = {"@type": "Rating", "alternateName": text(f"verdict.{j.word}", lang)}
    if j.word in RATINGS:
        rating |= {"ratingValue": RATINGS[j.word], "bestRating": 5, "worstRating": 1}
    work: dict[str, Any] = {"@type": "CreativeWork", "name": getattr(head, f"title_{lang}"), "inLanguage": head.document.language}
    if head.document.dated:
        work["datePublished"] = head.document.dated.isoformat()
    if safe_link(claim.link):
        work["url"] = claim.link
    if claim.archived:
        work["archivedAt"] = list(claim.archived)
    said: dict[str, Any] = {"@type": "Claim", "appearance": work}
    if claim.said_by:
        said["author"] = {"@type": "Person", "name": claim.said_by}
    if claim.said_on:
        said["datePublished"] = claim.said_on.isoformat()
    sources = [account.sources[key] for key in claim.sources if key in account.sources]
    return {
        "@type": "ClaimReview",
        "@id": f"#{claim.claim_id}",
        "inLanguage": lang,
        "claimReviewed": _told(claim, "claim", lang),
        "reviewBody": _told(claim, "evidence", lang),
        "reviewRating": rating,
        "author": {"@type": "Organization", "name": text("report.claim_review_author", lang, ledger=head.id)},
        "itemReviewed": said,
        **_desk(claim, lang),
        "citation": [{"@type": "CreativeWork", "name": s.title} | ({"url": s.address} if safe_link(s.address) else {}) for s in sources],
    }


def _told(claim: Claim, what: str, lang: str) -> str:
    """A text of a claim in a language, or in the one that it has."""
    other = next(x for x in LANGUAGES if x != lang)
    return str(getattr(claim, f"{what}_{lang}") or getattr(claim, f"{what}_{other}"))


def _desk(claim: Claim, lang: str) -> dict[str, Any]:
    """Who checked a claim and when, what was corrected since, and the summary, as far as the ledger says."""
    found: dict[str, Any] = {}
    if claim.checked_by:
        found["contributor"] = {"@type": "Person", "name": claim.checked_by}
    if claim.checked_on:
        found["datePublished"] = claim.checked_on.isoformat()
    if claim.corrections:
        found["correction"] = claim.corrections
    if summary := _told(claim, "summary", lang):
        found["abstract"] = summary
    return found

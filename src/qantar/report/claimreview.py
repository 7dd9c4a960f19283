"""Claims of fact for other fact-checkers: ClaimReview of schema.org, as JSON-LD."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from qantar.account.ledger import Account
from qantar.messages import text
from qantar.report.pairs import safe_link
from qantar.verdicts.claims import Judged

RATINGS = {"contradicted": 1, "partly": 3, "supported": 5}
"""Of five; what cannot be verified has a word and no number."""


def claim_reviews(account: Account, judged: Iterable[Judged], lang: str) -> str:
    """One `ClaimReview` for each claim of fact that was judged, in one language, in the order of the ledger."""
    reviews = [_review(account, j, lang) for j in judged if j.claim.kind == "fact" and j.claim.verdict not in ("open", "not-empirical")]
    return json.dumps({"@context": "https://schema.org", "@graph": reviews}, ensure_ascii=False, indent=1) + "\n"


def _review(account: Account, j: Judged, lang: str) -> dict[str, Any]:
    claim, head = j.claim, account.head
    rating: dict[str, Any] = {"@type": "Rating", "alternateName": text(f"verdict.{j.word}", lang)}
    if j.word in RATINGS:
        rating |= {"ratingValue": RATINGS[j.word], "bestRating": 5, "worstRating": 1}
    work: dict[str, Any] = {"@type": "CreativeWork", "name": getattr(head, f"title_{lang}"), "inLanguage": head.document.language}
    if head.document.dated:
        work["datePublished"] = head.document.dated.isoformat()
    sources = [account.sources[key] for key in claim.sources if key in account.sources]
    return {
        "@type": "ClaimReview",
        "@id": f"#{claim.claim_id}",
        "inLanguage": lang,
        "claimReviewed": getattr(claim, f"claim_{lang}"),
        "reviewBody": getattr(claim, f"evidence_{lang}"),
        "reviewRating": rating,
        "author": {"@type": "Organization", "name": text("report.claim_review_author", lang, ledger=head.id)},
        "itemReviewed": {"@type": "Claim", "appearance": work},
        "citation": [{"@type": "CreativeWork", "name": s.title} | ({"url": s.address} if safe_link(s.address) else {}) for s in sources],
    }

"""Proposals of the record: planted sentences with the verdict it must propose, and those on which it must say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import call_qantar
from qantar.account.schema import Claim
from qantar.cases.case import load_case
from qantar.lookup.propose import propose
from qantar.verdicts.load import Loaded

JUDGED = {
    "en": [
        ("In total 225 people were killed across the country.", "supported", "T24"),
        ("In all, 4,000 people died in Kazakhstan.", "contradicted", "T30"),
        ("In Almaty 150 people were killed in total.", "supported", "T41"),
        ("In Taraz 17 people were killed in total.", "supported", "T44"),
        ("By 10 January 7,939 people had been detained in Kazakhstan.", "supported", "T15"),
        ("As of 10 January 2022, 25,000 people had been detained across the country.", "contradicted", "T16"),
        ("On 4 January about 37,000 people across the country took part in the protests.", "supported", "T02"),
        ("On 4 January 900,000 people took to the streets nationwide.", "contradicted", "T02"),
        ("Protests in Mangystau began on 2 January.", "supported", "KZ-MAN"),
        ("Protests in Pavlodar Region started on 1 January 2022.", "contradicted", "KZ-PAV"),
        ("On 5 January the city hall of Almaty was stormed.", "supported", "E061"),
        ("The airport of Almaty was seized on 5 January.", "supported", "E090"),
        ("The government resigned on 9 January.", "contradicted", "E080"),
        ("More than 225 people were killed across the country.", "supported", "T24"),
        ("By 10 January fewer than two thousand people had been detained in Kazakhstan.", "contradicted", "T15"),
        ("Across the country two hundred people were killed.", "supported", "T24"),
        ("The security forces killed 225 people across the country.", "supported", "T24"),
        ("In all, 225 people were killed in Kazakhstan, among them 19 policemen.", "supported", "T24"),
        ("By 10 January almost eight thousand people had been detained across the country.", "supported", "T15"),
        ("On 4 January 10,000 people gathered in Zhanaozen, the largest crowd since 2011.", "supported", "E037"),
        ("On 4 January 100,000 people gathered in Atyrau.", "contradicted", "E030"),
    ],
    "zh": [
        ("全国共有225人死亡。", "supported", "T24"),
        ("哈薩克斯坦共有4000人死亡。", "contradicted", "T30"),
        ("截至1月10日，全国已有7939人被拘留。", "supported", "T15"),
        ("1月4日，全国约3.7万人参加了抗议。", "supported", "T02"),
        ("曼格斯套州的抗议始于1月2日。", "supported", "KZ-MAN"),
        ("巴甫洛达尔州的抗议1月1日爆发。", "contradicted", "KZ-PAV"),
        ("1月5日，阿拉木图市政府大楼被攻占。", "supported", "E061"),
        ("政府于1月9日辞职。", "contradicted", "E080"),
        ("全国有225人以上死亡。", "supported", "T24"),
        ("全国有二百二十五人死亡。", "supported", "T24"),
        ("截至1月10日，全国被拘留者不到两千人。", "contradicted", "T15"),
        ("警察在全国打死二百二十五人。", "supported", "T24"),
    ],
    "ru": [
        ("Всего по стране погибли 225 человек.", "supported", "T24"),
        ("Всего в Казахстане погибли 4000 человек.", "contradicted", "T30"),
        ("По состоянию на 10 января по стране задержаны 7939 человек.", "supported", "T15"),
        ("4 января по всей стране в протестах участвовали около 37 тысяч человек.", "supported", "T02"),
        ("Протесты в Мангистауской области начались 2 января.", "supported", "KZ-MAN"),
        ("В Павлодарской области митинги начались 1 января.", "contradicted", "KZ-PAV"),
        ("5 января в Казахстане отключили интернет.", "supported", "E074"),
        ("Правительство ушло в отставку 9 января.", "contradicted", "E080"),
        ("В Казахстане погибли более 225 человек.", "supported", "T24"),
        ("По стране погибли двести двадцать пять человек.", "supported", "T24"),
        ("По состоянию на 10 января по стране задержаны менее двух тысяч человек.", "contradicted", "T15"),
        ("По стране силовики убили 225 человек.", "supported", "T24"),
    ],
}
SILENT = {
    "en": [
        "By 10 January 2021 7,939 people had been detained in Kazakhstan.",  # another year
        "In 1986 some 225 people were killed in Almaty.",
        "Ten years ago 225 people were killed in Kazakhstan.",
        "In total 225 people were killed across Ukraine.",  # another country, another place
        "In Bishkek protests began on 2 January.",
        "In Andijan 225 people were killed in total.",
        "On 10 January 7,939 people were detained in Kazakhstan.",  # a day's count, where the record has running totals
        "By 4 January 38,000 people took part in the protests across the country.",  # a running total, where it has a day's count
        "In total 225 people were not killed across the country.",  # denied, supposed, asked
        "Rumours said that 4,000 people died in Kazakhstan.",
        "Was it 225 people who were killed in Kazakhstan?",
        "If 225 people died in Kazakhstan, somebody must answer.",
        "In Kazakhstan 225% more people died.",  # shares, vague numbers, several
        "Across the country dozens of people were killed.",
        "Two to three hundred people were killed across the country.",
        "In total 225 goats were killed across the country.",  # no people
        "On 4 January 37,000 tenge were stolen across the country from protesters.",
        "The minister said that in total 225 people were killed across the country.",
        "Soldiers killed 19 policemen across the country.",  # a part
        "In total 19 policemen were killed across the country.",
        "On 4 January 300 people gathered in Zhanaozen.",  # far fewer: it may be another crowd
        "On 4 January 100,000 people gathered in Zhanaozen.",  # nobody is sure of the figure of the record
        "Of the 225 killed across the country most were bystanders, including 8 children.",
        "225 people died in Kazakhstan and 4,000 were injured.",  # two figures, two places, two days
        "Protests in Mangystau began on 2 January and in Pavlodar on 5 January.",
        "In Kazakhstan 164 people were killed in total.",  # once stated, then withdrawn
        "225 people were killed.",  # nothing says where: it may be the town of the sentence before
        "By 10 January 300 people had been detained.",
        "On 4 January 300 people gathered at the akimat.",
        "The protests began on 4 January.",
        "The airport was seized on 9 January.",
        "Protests in Mangystau began on 2 February.",  # no day of the case
        "The government resigned on 6 January.",  # a day off, as what begins at night is told under either
        "Protests in Zhanaozen began on 4 January.",  # a town may begin later than its region
    ],
    "zh": [
        "2021年1月10日前，全国累计有7939人被拘留。",
        "1986年全国共有225人死亡。",
        "乌克兰共有225人死亡。",
        "吉尔吉斯斯坦的抗议始于1月2日。",
        "1月10日全国有7939人被拘留。",
        "截至1月10日，已有300人被拘留。",
        "截至1月4日，全国累计38000人参加抗议。",
        "全国没有225人死亡。",
        "据称全国共有4000人死亡。",
        "全国共有225人死亡吗？",
        "全国共有19名警察死亡。",
        "全国有几十人死亡。",
        "1月4日，全国37000人在电视上观看了游行。",
        "安集延有225人死亡。",
        "全国225人死亡，4000人受伤。",
    ],
    "ru": [
        "По состоянию на 10 января 2021 года по стране задержаны 7939 человек.",
        "В 1986 году по стране погибли 225 человек.",
        "Всего на Украине погибли 225 человек.",
        "В Андижане погибли 225 человек.",
        "10 января по стране задержаны 7939 человек.",
        "По состоянию на 10 января задержаны 300 человек.",
        "Всего к 4 января по стране в протестах участвовали 38 000 человек.",
        "По стране не погибли 225 человек.",
        "Якобы в Казахстане погибли 4000 человек.",
        "В Казахстане погибли десятки человек.",
        "Всего по стране погибли 19 полицейских.",
        "Погибли ли в Казахстане 225 человек?",
    ],
}


@pytest.mark.parametrize("language", JUDGED)
def test_what_the_record_can_judge_is_proposed_with_its_rows(loaded: Loaded, language: str) -> None:
    planted = JUDGED[language]
    found = propose([sentence for sentence, *_ in planted], language, loaded.case)
    for (sentence, verdict, row), proposal in zip(planted, found, strict=True):
        assert proposal is not None, sentence
        assert (proposal.verdict, row in proposal.rows) == (verdict, True), (sentence, proposal)
        assert ("outside" in proposal.why["en"], "之外" in proposal.why["zh"]) == ((verdict == "contradicted"),) * 2
        assert all(r in proposal.why[lang] for r in proposal.rows for lang in ("en", "zh"))


@pytest.mark.parametrize("language", SILENT)
def test_on_the_rest_nothing_is_proposed(loaded: Loaded, language: str) -> None:
    found = propose(SILENT[language], language, loaded.case)
    assert [(s, p) for s, p in zip(SILENT[language], found, strict=True) if p] == []


def test_a_proposal_names_figure_interval_and_rows(loaded: Loaded) -> None:
    (found,) = propose(["In total 225 people were killed across the country."], "en", loaded.case)
    assert found is not None
    assert found.why["en"].startswith("225 lies inside the record's interval [188, 241] (dead, counts of the whole); rows T24, T26, T28,")
    assert found.why["zh"].startswith("225在记录的区间[188, 241]之内（死亡人数，事后的总数）；所据各行：T24、T26、T28")
    claim = Claim.model_validate({"claim_id": "C1", "section": "1", "paragraph": "1", "kind": "fact", "verdict": "open", **found.cells()})
    assert claim.only_proposed
    assert claim.proposed_rows == found.rows


def test_what_is_proposed_of_judged_claims_is_never_the_opposite_of_the_readers_verdict(loaded: Loaded) -> None:
    """Of 89 facts of the packaged ledger the record can judge few: their paraphrases hold hardly any count or day of the week."""
    facts = [c for c in loaded.account.claims if c.kind == "fact"]
    for language, expected in (("en", {"C024": "supported", "C027": "supported"}), ("zh", {"C024": "supported"})):
        found = propose([getattr(c, f"claim_{language}") for c in facts], language, loaded.case)
        said = {c.claim_id: p.verdict for c, p in zip(facts, found, strict=True) if p}
        assert said == expected
    verdicts = {c.claim_id: c.verdict for c in facts}
    assert (verdicts["C024"], verdicts["C027"]) == ("supported", "partly")


def test_another_case_is_judged_by_its_own_rows(tiny: Path) -> None:
    case = load_case(str(tiny))
    found = propose(["Across the country 5 people died in total.", "In Kazakhstan 225 people died in total."], "en", case)
    assert found[0] is not None
    assert (found[0].verdict, found[0].rows) == ("supported", ("T3", "T4"))
    assert found[1] is None


LISTED = "date,kind,region_id,deaths\n2030-03-02,clash,XA-ONE,4\n2030-03-03,clash,XA-TWO,2\n"


@pytest.fixture
def listed(tiny: Path) -> Path:
    """The tiny case with a list of events, from which all else follows."""
    for name in ("totals", "region_onset", "presence", "disagreements", "forces"):
        (tiny / f"{name}.csv").unlink()
    (tiny / "events.csv").write_text(LISTED)
    return tiny


def test_a_list_of_events_contradicts_nothing_that_it_may_leave_out(listed: Path) -> None:
    case = load_case(str(listed))
    said = {
        "In total 6 people were killed across the country.": "supported",
        "In total 60 people were killed across the country.": None,
        "In total 2 people were killed across the country.": "contradicted",  # fewer than are listed
        "Protests in Onia began on 1 March.": None,
        "Protests in Onia began on 2 March.": "supported",
        "Protests in Onia began on 4 March.": "contradicted",
    }
    assert [p and p.verdict for p in propose(said, "en", case)] == [*said.values()]


@pytest.mark.parametrize(
    ("claim", "warned"),
    [
        ("At least sixty people died.", True),
        ("In Onia 5 people were killed.", True),
        ("In Onia 3 people were killed.", False),  # fewer than are listed there
        ("Nobody died.", False),
        ("At least sixty people marched.", False),
    ],
)
def test_a_claim_denied_by_a_sum_alone_is_named_by_check(listed: Path, claim: str, warned: bool) -> None:
    claims = listed / "claims.csv"
    claims.write_text(claims.read_text(encoding="utf-8").replace("A thousand came.,来了一千人。", f"{claim},"), encoding="utf-8")
    found = call_qantar("check", str(listed), "--json", cwd=listed.parent).json()
    assert (found["problems"], found["beyond_the_sum"]) == ([], ["C2"] if warned else [])
    told = " ".join(call_qantar("check", str(listed), cwd=listed.parent).out.split())
    assert ("Such a sum is a lower bound" in told) is warned

"""The first guess at the kind of a claim, by words and signs, against the kinds that people gave."""

from __future__ import annotations

import pytest

from qantar.account.candidates import scored
from qantar.account.document import Sentence
from qantar.cases.case import account_names
from qantar.verdicts.load import load_account

SENTENCES = {
    "fact": (
        "en", "About 100,000 people were in the streets on that day.", "The police used force on 5 May.", "On 5 May they forced their way into the hall.",
        "On 11 July the president dismissed his cabinet.", "The ministry said that 3 will be tried in May.",
        "The hall was on the right side of the road.", "The security forces killed five people on 6 October.", "It was on 25 June that the crowd broke in.", "It was the army that stood in the square.",
        "The ombudsman counted more than 30 dead, because nobody else went to the hospitals.",
    ),
    "cause": (
        "en", "The protest spread so quickly because it had no leaders.", "The shooting on 25 June forced the president to give way.",
        "Had the internet stayed open, the crowds would have been larger still.", "The army did not end the protest.",
        "The price rise of 1 January led to the protest.", "If he had called elections, most of the dead would be alive.",
        "It was the videos, more than any party, that carried the protest on.", "It was this decision which turned a strike into a revolt.",
        "Bread prices played hardly any part.", "The strike forces the cabinet to resign.", "Repression did not end the wave; it fed it.", "Contempt made the fall of the mayor unbearable.",
    ),
    "prediction": ("en", "The government will face the same crowd again.", "The rulers will fall."),
    "judgement": ("en", "It was a just revolt.", "The state betrayed its people."),
}  # fmt: skip
MORE = {
    "fact": (
        ("zh", "1月5日，阿拉木图市政府成为了火海。"),
        ("zh", "监察员统计有12人死亡，因为别人没有去医院。"),
        ("ru", "Омбудсмен насчитал 12 погибших, потому что больше никто не ездил в больницы."),
        ("ru", "5 января в Алматы погибли 12 человек."),
    ),
    "cause": (
        ("zh", "由于燃气涨价，1月2日爆发了抗议。"),
        ("zh", "要不是军队开枪，他们还活着。"),
        ("zh", "正是枪声把罢工变成了起义。"),
        ("ru", "Если бы не стреляли, они были бы живы."),
        ("ru", "Именно стрельба превратила забастовку в восстание."),
        ("ru", "Протест 2 января начался из-за цены на газ."),
    ),
    "prediction": (("zh", "工人将再次上街。"), ("ru", "Они неизбежно вернутся.")),
    "judgement": (("zh", "这是正义的斗争。"), ("ru", "Это было справедливое восстание.")),
}
CASES = [(kind, lang, s) for kind, (lang, *said) in SENTENCES.items() for s in said] + [
    (k, lang, s) for k, v in MORE.items() for lang, s in v
]


@pytest.mark.parametrize(("kind", "language", "sentence"), CASES)
def test_words_and_signs_tell_the_kind(kind: str, language: str, sentence: str) -> None:
    (found,) = scored([Sentence((1, 1, 1), sentence, 1)], language)
    assert found.kind == kind


@pytest.mark.parametrize(("language", "right"), [("en", 154), ("zh", 163)])
def test_kinds_of_the_ledgers_on_kazakhstan_are_guessed_as_often_as_the_manual_says(language: str, right: int) -> None:
    hits = n = facts = 0
    for name in ("kazakhstan-2022", *account_names()):
        loaded = load_account(name)
        claims = [c for c in loaded.account.claims if getattr(c, f"claim_{language}")]
        said = [Sentence((1, 1, k), getattr(c, f"claim_{language}"), 1) for k, c in enumerate(claims, 1)]
        found = scored(said, language, loaded.case.place_names(), loaded.case.head.country)
        hits += sum(f.kind == c.kind for f, c in zip(found, claims, strict=True))
        facts += sum(c.kind == "fact" for c in claims)
        n += len(claims)
    assert (hits, n, facts) == (right, 216, 133)


def test_the_guess_moves_no_score() -> None:
    plain, judged = scored(
        [Sentence((1, 1, k), s, 1) for k, s in enumerate(("The city fell on 5 May.", "The noble city fell on 5 May."), 1)], "en"
    )
    assert plain.kind != judged.kind
    assert (plain.signs, round(plain.score, 2)) == (judged.signs, round(judged.score, 2))

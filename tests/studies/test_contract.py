"""One description, and everything that follows from it, for every kind; the slow ones have a file of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.contract import *  # noqa: F403
from kit.contract import SLOW
from qantar.cli.main import build
from qantar.errors import StudyError
from qantar.messages import LANGUAGES, catalogue, keys_under, text
from qantar.studies import KINDS, study
from qantar.studies.kind import checked, flag, options_of

pytestmark = pytest.mark.timeout(400)  # the smallest study of some kinds takes a minute where the engine is compiled first


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "done" in metafunc.fixturenames:
        metafunc.parametrize("done", [name for name in KINDS if name not in SLOW], indirect=True)


@pytest.mark.parametrize("kind", KINDS)
def test_help_names_every_option_with_its_limits_in_both_languages(kind: str) -> None:
    described = study(kind)
    for lang in LANGUAGES:
        command = build(lang, [kind]).commands[kind]
        shown = {str(p.opts[0]).lstrip("-"): p for p in command.params}
        assert command.help == text(f"cli.{kind}", lang)
        for name, option in options_of(described.options).items():
            parameter = shown[name if option.argument else flag(name)]
            assert parameter.help == text(option.help, lang)
            if option.fits is not None and hasattr(option.fits, "low"):
                assert (parameter.min, parameter.max) == (option.fits.low, option.fits.high)
        assert {"out", "store", "processes", "json"} <= set(shown)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_option_gives_its_rule_in_both_languages(kind: str) -> None:
    described = study(kind)
    small = dict(described.small)
    with pytest.raises(StudyError) as caught:
        checked(described, {**small, "no_such_option": 1})
    assert "no-such-option" in str(caught.value)
    for name, option in options_of(described.options).items():
        if option.fits is None or not hasattr(option.fits, "low"):
            continue
        with pytest.raises(StudyError) as caught:
            checked(described, {**small, name: option.fits.high * 2 + 1})
        (problem,) = caught.value.problems
        for lang in LANGUAGES:
            assert f"--{flag(name)}" in problem.render(lang)
            assert f"{option.fits.high:g}" in problem.render(lang)


def test_units_of_options_have_names() -> None:
    units = {
        option.fits.unit
        for kind in KINDS
        for option in options_of(study(kind).options).values()
        if option.fits is not None and hasattr(option.fits, "unit") and option.fits.unit
    }
    assert units <= set(keys_under("unit"))


def test_each_kind_has_its_file_of_messages() -> None:
    home = Path(str(__import__("qantar").messages.__file__)).parent / "studies"
    assert {f"{kind}.toml" for kind in KINDS} <= {p.name for p in home.iterdir()}
    assert all({f"cli.{s.name}", f"report.part.{s.part or s.name}"} <= set(catalogue("en")) for s in map(study, KINDS))

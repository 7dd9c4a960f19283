"""What is said of a question before anything is simulated."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import CASE
from qantar.ensemble.runner import Runner
from qantar.scenario.scenario import load_scenario
from qantar.studies import counterfactual
from qantar.studies.kind import Asked


class Began(Exception):  # noqa: N818 (no error: it stands for the first history)
    """The simulation would begin now."""


@pytest.mark.parametrize(("fitted", "prior", "said"), [(False, False, 1), (False, True, 0), (True, False, 0)])
def test_a_case_without_a_fit_is_told_what_to_do_before_the_first_history(
    fitted: bool, prior: bool, said: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(*_: Any, **__: Any) -> None:
        raise Began

    monkeypatch.setattr(counterfactual, "counterfactual", begin)
    if not fitted:
        monkeypatch.setattr(counterfactual, "shipped_posterior", lambda _: None)
    told: list[Any] = []
    options = counterfactual.CounterfactualOptions(scenario=CASE, arm=("no-troops",), recorded=True, prior=prior)
    with pytest.raises(Began):
        counterfactual.run(Asked(options, load_scenario(CASE), ("no-troops",)), Runner(note=told.append))
    assert len(told) == said
    if said:
        en, zh = told[0]
        assert f"`qantar calibrate {CASE} --quick`" in en
        assert f"`qantar calibrate {CASE} --quick`" in zh
        assert en.startswith(f"{CASE} has no fit to its record")

"""What the draws of studies are for: one list of keys under `Purpose.STUDY`, so that no two uses share a number unseen."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from qantar.compiled import leaf
from qantar.draws import Purpose, bits, stream, uniform

_STUDY = int(Purpose.STUDY)


class StudyKey(IntEnum):
    """What a draw of a study decides: its c, where a and b are numbers of what is drawn. Numbers are retired, never used again.

    Below `EFFECT_RESAMPLE` lie the coordinates of parameters that a calibration draws anew. Where two share a number, tables that ship were
    made with both. Retired: 1 << 20, 1 << 21.
    """

    EFFECT_RESAMPLE = 5000  # which pairs stand in a resample of an effect
    RECORD_DAY = (1 << 20) + 1  # first day of a region in a simulated record
    RECORD_INTERVAL = (1 << 20) + 2  # where the interval of that day lies
    RANK_TIE = 1 << 22  # order of equal ranks
    ANCESTOR_RESAMPLE = 1 << 23  # which ancestors stand in a resample
    RECORD_CHOICE = 1 << 24  # which histories play the record
    DESIGN_POINTS = 1 << 24  # points of a design of sensitivity
    DESIGN_RESAMPLE = (1 << 24) + 1  # resamples of a design
    SECOND_SEED = (1 << 24) + 2  # second seeds of a design
    POSTERIOR_ORDER = 1 << 25  # order in which a posterior is written
    COUNTRY = 1 << 26  # traits of a made-up country
    NETWORK_RESAMPLE = 1 << 26  # histories that a network learns from
    REGION_DAY = 1 << 27  # first days of regions behind a power calculation
    COUNTRY_RESAMPLE = (1 << 27) + 1  # countries and draws in a resample
    CAMPAIGN_HALF = (1 << 27) + 2  # whether a campaign is in the half that tests
    PLANTED_WORLD = 1 << 28  # which histories are planted worlds, and their luck
    REPEATED_EFFECT = 1 << 29  # which effects are computed a second time
    REPEATED_HISTORY = (1 << 29) + 1  # which histories are simulated a second time
    EFFECT_SIGN = 1 << 30  # sign of an effect under chance
    PROPOSED_LAW = (1 << 30) + 2  # whether a proposed draw is moved
    EQUAL_WEIGHT = (1 << 30) + 3  # where the resampling of a weighted posterior begins
    CONDITION_SHUFFLE = (1 << 30) + 1  # which country has another's condition
    PLANTED_ANSWER = (1 << 30) + 4  # answers of a planted record to the questions of a benchmark
    UNIT_SHUFFLE = (1 << 30) + 5  # which unit of a map has another's events
    PLANTED_WAVE = (1 << 30) + 6  # events of a planted wave
    WAVE_WALK = (1 << 30) + 7  # the walk through parameters of a wave
    WAVE_BETWEEN = (1 << 30) + 8  # how far waves differ
    WAVE_AHEAD = (1 << 30) + 9  # events that a wave may have
    CLASSIC_PEOPLE = (1 << 31) + 1  # who the people of a classic model are, and where
    CLASSIC_ORDER = (1 << 31) + 2  # in which order they act
    CLASSIC_ACTS = (1 << 31) + 3  # where they move, whom they meet
    CLASSIC_EVENTS = (1 << 31) + 4  # events of a self-exciting process


def lot(seed: int, key: StudyKey | int, a: int, b: int = 0) -> float:
    """A number in (0, 1) that decides something in a study.

    Parameters
    ----------
    key : what it decides; below `StudyKey.EFFECT_RESAMPLE` a coordinate
    a, b : numbers of what is drawn and of the round

    Examples
    --------
    >>> lot(1, StudyKey.RANK_TIE, 0) == uniform(1, Purpose.STUDY, 0, 0, StudyKey.RANK_TIE)
    True
    """
    return uniform(seed, _STUDY, a, b, int(key))


def word(seed: int, key: StudyKey, a: int, b: int = 0) -> int:
    """64 random bits, likewise: seeds of generators that are not ours."""
    return int(bits(seed, _STUDY, a, b, int(key)))


@leaf
def keys_of(seed: int, key: int, b: int) -> tuple[np.uint64, np.uint64]:
    """Keys of a stream (`draws.stream`), where a kernel asks the same of many: key as in `lot`, b which round."""
    return stream(seed, _STUDY, b, key)

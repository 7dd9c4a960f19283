"""How long it will still take, from what was done so far: one estimate for every long command.

In: reports of how many of how many are done, as they come. Out: seconds that are left.

    left = missing now x time since the first was finished / done since then

What was kept from before counts as done and takes no time; until the first is finished processes start, which happens once. Costs of
histories differ tenfold from draw to draw, so that a few of them foretell little: of twenty sets of parameters fitted to the packaged case
the means of 3, 5, 8 and 12 lie within a factor of two of the mean of all in 52, 76, 90 and 98 % of samples. Before `SURE` were finished, or
half of all, a time is therefore called rough, and before `ROUGH` none is said.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SURE, ROUGH = 12, 4
"""Reports of something finished before a time is foretold, and before it is foretold roughly."""
SOON = 2.0
"""Seconds that need no foretelling."""
STILL = 10.0
"""Seconds, at least, between lines of a log that say no new tenth."""


class Pace:
    """Keeps the time of one count.

    Parameters
    ----------
    sure : reports after which a time is no longer rough, unless half is done before
    now : a clock in seconds

    Examples
    --------
    Ten were kept; then one is finished every 3 seconds, after 5 in which processes started:

    >>> at = iter([0.0, 5.0, 8.0, 11.0, 14.0, 17.0])
    >>> pace = Pace(now=lambda: next(at))
    >>> [(pace.left(done, 20), pace.is_rough) for done in (10, 11, 12, 13, 14, 15)]
    [(None, True), (None, True), (None, True), (None, True), (18.0, True), (15.0, False)]
    """

    def __init__(self, *, sure: int = SURE, now: Callable[[], float] = time.monotonic) -> None:
        self.sure, self.now = sure, now
        self._begin()

    def _begin(self) -> None:
        self.began: float | None = None
        self.kept = self.first = self.last = 0
        self.since = 0.0
        self.reports = 0
        self.is_rough = True

    def left(self, done: int, total: int) -> float | None:
        """Takes a report; seconds left, 0 at the end, None while too little is known. A count that falls back begins anew."""
        at = self.now()
        if done < self.last:
            self._begin()
        is_more = done > self.last
        self.last = done
        if self.began is None:
            self.began, self.kept = at, done
        elif is_more and done > self.kept:
            self.reports += 1
            if self.reports == 1:
                self.first, self.since = done, at
        if done >= total:
            return 0.0
        half = 2 * (done - self.kept) >= total - self.kept
        self.is_rough = not (self.reports >= self.sure or half)
        if self.reports < (2 if half else ROUGH) or at - self.began < SOON:
            return None
        return (total - done) * (at - self.since) / (done - self.first)


class Log:
    """Which reports of a count become lines of a log: the first, the last, every tenth, the first with a time and with a sure one, and no
    longer silence than `STILL` seconds or a tenth of the time so far, if anything was finished meanwhile.

    >>> at = iter([0.0, 0.0, 1.0, 12.0, 13.0, 14.0, 15.0])
    >>> log = Log(now=lambda: next(at))
    >>> [log.wants(done, 100, word) for done, word in ((0, ""), (1, ""), (2, ""), (3, "rough"), (4, "rough"), (10, "rough"))]
    [True, False, True, True, False, True]
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.began = self.told = now()
        self.tenth = -1
        self.words: set[str] = {""}

    def wants(self, done: int, total: int, word: str) -> bool:
        """Whether this report is to be told; `word`: what can be said of the time."""
        at, tenth = self.now(), 10 * done // max(1, total)
        silence = at - self.told >= max(STILL, (at - self.began) / 10)
        if not (silence or tenth > self.tenth or word not in self.words):
            return False
        self.told, self.tenth = at, max(tenth, self.tenth)
        self.words.add(word)
        return True

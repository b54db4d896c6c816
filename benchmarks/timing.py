"""How things are timed side by side, in one process, so that none disturbs another.

A *round* gives every task one *turn*: a rest, some calls that are not counted, then those that are. The order is drawn
anew in each round, so that nobody always follows the same neighbour. What is compared is the ratio of two times of the
same round, and what is reported is its median over the rounds, with the quartiles: a computer that is slow for a while
slows a whole round down, and the ratios hardly change. A turn in which the process has waited for a processor, because
another program had it, is repeated: its time on the clock exceeds that spent computing.

Threads. All libraries get the same number, one unless asked otherwise: then a difference is one in what is computed,
not in how many cores help. With more, a library's threads go on spinning for a while when their work is done; those of
OpenBLAS for 2²⁶ clock ticks, about 26 ms. On two cores, the step 784-100-10×128 by hand took 1.8 times as long right
after PyTorch as by itself, and PyTorch's 2.0 times as long right after that by hand. Hence the rest, which is longer
than any of them spins, and the calls that are not counted, which wake the task's own threads again. Several threads
also wait for the slowest of them: with anything else running on the computer, such numbers mean nothing.

Memory. glibc gives memory that a program frees back to the kernel at once, and asks for it again at the next step,
until the program has freed a large array. By hand, 784-30-10×10 takes four times as long before that as after. So a
large array is freed before anything is timed, as any program that has loaded data has done.

Garbage is collected as in any program, since cycles are a cost that their maker should bear. But what exists before the
first round is frozen, so that nobody pays for a walk through the modules of the others.

Whether all this is enough is measured too: `alone` times a task with nobody around it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from itertools import repeat
from random import Random
from time import perf_counter, process_time, sleep
from typing import Any, NamedTuple

import numpy as np


ATTEMPTS = 10


class Task(NamedTuple):
    """A call to be timed; `wait` returns when all calls are done, if they go on in the background."""

    call: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    wait: Callable[[], Any] = lambda: None

    def seconds(self, calls: int) -> float:
        """The time of that many calls, one after the other."""
        call, arguments = self.call, self.arguments
        begin = perf_counter()
        for _ in repeat(None, calls):
            call(*arguments)
        self.wait()
        return perf_counter() - begin

    def calls_within(self, seconds: float) -> int:
        """How many calls take about that long, at least one."""
        begin = perf_counter()
        while perf_counter() - begin < 0.05:  # some are slow at first: they compile, or record what they do
            self.seconds(5)
        calls = 1
        while (taken := self.seconds(calls)) < seconds / 4:
            calls *= 4
        return max(1, round(calls * seconds / taken))


class Effort(NamedTuple):
    """How much time to spend: rounds, and in each turn the seconds that are counted and those of rest before."""

    rounds: int
    turn: float
    rest: float


class Spread(NamedTuple):
    """Median and quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Any) -> Spread:
        low, median, high = np.percentile(values, [25, 50, 75])
        return cls(float(median), float(low), float(high))

    def __str__(self) -> str:
        """The median ± half the distance between the quartiles."""
        digits = 2 if self.median < 100 else 0
        return f"{self.median:.{digits}f} ±{(self.high - self.low) / 2:.{digits}f}"


Times = dict[str, np.ndarray[Any, Any]]
"""Seconds per call, one entry a round, by task."""


def interleaved(tasks: Mapping[str, Task], effort: Effort) -> Times:
    """Time all tasks side by side."""
    settle_allocator()
    calls = {label: task.calls_within(effort.turn) for label, task in tasks.items()}
    times: dict[str, list[float]] = {label: [] for label in tasks}
    order = list(tasks)
    shuffle = Random(0).shuffle
    gc.collect()
    gc.freeze()
    for _ in range(effort.rounds):
        shuffle(order)
        for label in order:
            sleep(effort.rest)
            tasks[label].seconds(1 + calls[label] // 2)
            times[label].append(undisturbed(tasks[label], calls[label]) / calls[label])
    gc.unfreeze()
    return {label: np.array(values) for label, values in times.items()}


def undisturbed(task: Task, calls: int) -> float:
    """The seconds of a turn that no other program has interrupted, or of the last attempt at one."""
    seconds = 0.0
    for _ in range(ATTEMPTS):
        computing = process_time()
        seconds = task.seconds(calls)
        if process_time() - computing > 0.95 * seconds:
            break
    return seconds


def alone(task: Task, effort: Effort) -> float:
    """Seconds per call of a task that has the process to itself."""
    return float(np.median(interleaved({"": task}, effort)[""]))


def settle_allocator() -> None:
    """Free an array of 31 MB, just below the size at which glibc stops learning from it."""
    np.ones(31 * 2**17)

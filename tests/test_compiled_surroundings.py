"""What a step reaches beyond its own variables may change at any call: a compiled step gives what the step gives.

Each scenario takes the decorator, runs a program, and returns whatever can be observed. What changes does so at call `LATE`,
after the replay has been compared with the step for the last time before many calls.
"""

from __future__ import annotations

import enum
import functools
import sys
import types
import warnings
from abc import ABC
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from test_compiled_programs import frozen

import autograd_lite as ag
from autograd_lite import Tensor

Wrap = Callable[[Any], Any]
LATE = 20
X = np.random.default_rng(0).standard_normal((24, 3))
SCENARIOS: dict[str, Callable[[Wrap], Any]] = {}
FACTOR = 1.0
FLAG: Any = None


def scenario(f: Callable[[Wrap], Any]) -> Callable[[Wrap], Any]:
    SCENARIOS[f.__name__] = f
    return f


@pytest.mark.parametrize("name", SCENARIOS)
def test_compiled_as_eager(name: str) -> None:
    observed = []
    for wrap in (lambda step: step, ag.compile):
        globals().update(FACTOR=1.0, FLAG=None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            observed.append(frozen(SCENARIOS[name](wrap)))
    assert observed[0] == observed[1]


def calls(step: Any, late: Callable[[], Any] = lambda: None, n: int = 26) -> list[Any]:
    """What the step gives, with a change before call `LATE`."""
    found = []
    for i in range(n):
        if i == LATE:
            late()
        result = step(X)
        found.append(result.copy() if isinstance(result, np.ndarray) else result)
    return found


# What lies in tuples --------------------------------------------------------------------------------------


@scenario
def a_count_in_an_array_in_a_tuple(wrap: Wrap) -> Any:
    state = (np.zeros(1), [np.zeros(2)], {"m": np.zeros(2)})

    @wrap
    def step(x: Any) -> Any:
        state[0][0] += 1
        state[1][0] += 2
        state[2]["m"] += 3
        return x[0] * state[0]

    return calls(step), state


@scenario
def adam_with_moments_in_pairs(wrap: Wrap) -> Any:
    ps = [Tensor([1.0, 2.0, 3.0], requires_grad=True), Tensor([0.5, 0.5, 0.5], requires_grad=True)]
    states = [(np.zeros(3), np.zeros(3)) for _ in ps]

    @wrap
    def step(x: Any) -> Any:
        for p in ps:
            p.zero_grad()
        cost = ((x * ps[0] + ps[1]) ** 2).mean()
        cost.backward()
        for p, (m, v) in zip(ps, states):
            m[...] = 0.9 * m + 0.1 * p.grad
            v[...] = 0.99 * v + 0.01 * p.grad**2
            p.data -= 0.01 * m / (np.sqrt(v) + 1e-8)
        return cost.data

    return calls(step), ps, states


@scenario
def a_data_set_in_a_tuple_that_is_filled_anew(wrap: Wrap) -> Any:
    data = (np.ones(3), "train", 2.0)
    step = wrap(lambda x, norm=(np.ones(3), 1.0): x * data[0] * norm[0])

    def change() -> None:
        data[0][...] = 5.0

    return calls(step, change)


# Sizes that depend on values ------------------------------------------------------------------------------


@scenario
def the_last_batch_of_a_slice_is_smaller(wrap: Wrap) -> Any:
    z = np.arange(60.0)
    mean = wrap(lambda i: (z[i : i + 8] * 2.0 + 1.0).mean())

    @wrap
    def by_length(i: Any) -> Any:
        batch = z[i : i + 8]
        return batch.sum() / len(batch)

    return [(mean(i), by_length(i)) for i in range(0, 60, 8)]


@scenario
def sizes_from_numbers(wrap: Wrap) -> Any:
    steps = [wrap(f) for f in (
        lambda x, n: np.arange(n) * 1.0, lambda x, n: np.tile(x[0], n), lambda x, n: np.pad(x[0], n), lambda x, n: np.diag(x, n),
        lambda x, n: [part * 2.0 for part in np.array_split(x[:, 0], n)], lambda x, n: np.zeros((n, 2)) + 1.0,
        lambda x, n: x[: np.array([n, 2]).max()].sum(0), lambda x, n: np.linspace(0.0, 1.0, n + 2) * 2.0,
    )]  # fmt: skip
    return [[step(X, n) for step in steps] for n in (1, 2, 3, 1, 2, 3, 4, 5, 6, 7, 1, 8)]


@scenario
def sizes_from_arrays(wrap: Wrap) -> Any:
    prefix = wrap(lambda x, n: (x[: n.max()] * 2.0 + 1.0).mean())
    counted = wrap(lambda x, n: np.ones(np.count_nonzero(x[0] > n[0] - 5)).sum())
    tiled = wrap(lambda x, n: np.tile(x[0], n > 4).size + x[0].sum())
    return [[f(X, np.array([n, 5])) for f in (prefix, counted, tiled)] for n in (5, 5, 5, 5, 7, 4)]


# Arguments and results ------------------------------------------------------------------------------------


@scenario
def the_same_arrays_in_other_nests(wrap: Wrap) -> Any:
    step = wrap(lambda b: sum(v.sum() * (i + 1) for i, v in enumerate(b)))
    scaled = wrap(lambda x, rate: x * (rate if isinstance(rate, float) else 10.0))
    first = [step([X]) for _ in range(4)], [scaled(X, (0.5,)) for _ in range(4)]
    return first, step(X), scaled(X, 0.5), step([X])


@scenario
def lists_and_dicts_that_are_returned_are_the_same(wrap: Wrap) -> Any:
    history, params = {"rate": 0.01}, [np.ones(3)]

    @wrap
    def step(x: Any) -> Any:
        x.sum()
        return history, params

    for _ in range(LATE):
        found, ps = step(X)
        found["rate"] *= 0.9
        ps[0] *= 0.5
    updated = wrap(lambda state, x: state)
    own = {"n": np.zeros(1)}
    return history, params, [updated(own, X) is own for _ in range(6)]


@scenario
def a_tensor_that_is_returned_twice_is_one(wrap: Wrap) -> Any:
    w = Tensor([1.0, 2.0, 3.0], requires_grad=True)

    @wrap
    def step(x: Any) -> Any:
        w.zero_grad()
        cost = ((x * w) ** 2).mean()
        cost.backward()
        return {"loss": cost, "total": cost}

    return [d["loss"] is d["total"] for d in (step(X) for _ in range(6))]


# What is raised and what is written -------------------------------------------------------------------------


@scenario
def an_exception_that_is_none_of_exception(wrap: Wrap) -> Any:
    w, settings = np.zeros(1), types.SimpleNamespace(stop=False)

    @wrap
    def step(x: Any) -> Any:
        w[...] += 1
        if settings.stop:
            raise KeyboardInterrupt
        return x * 2

    for i in range(10):
        settings.stop = i == 8
        try:
            step(X)
        except KeyboardInterrupt:
            pass
    return w


@scenario
def a_global_that_is_set_and_never_read(wrap: Wrap) -> Any:
    def step(x: Any) -> Any:
        global FLAG
        FLAG = None
        return x * 2

    step = wrap(step)
    found = []
    for i in range(12):
        globals()["FLAG"] = i
        step(X)
        found.append(FLAG)
    return found


class Flagged:
    dirty: bool


@scenario
def an_entry_of_dict_that_is_removed(wrap: Wrap) -> Any:
    this = Flagged()

    @wrap
    def step(x: Any) -> Any:
        this.__dict__.pop("dirty", None)
        return x * 2

    found = []
    for _ in range(6):
        this.dirty = True
        step(X)
        found.append("dirty" in vars(this))
    return found


@dataclass(frozen=True)
class Frozen:
    __slots__ = ("n",)
    n: int


@scenario
def a_slot_that_is_set_behind_its_class(wrap: Wrap) -> Any:
    this = Frozen(0)

    @wrap
    def step(x: Any) -> Any:
        object.__setattr__(this, "n", this.n + 1)
        return x * 2

    calls(step)
    return this.n


@scenario
def data_that_becomes_read_only(wrap: Wrap) -> Any:
    a, b = (Tensor([1.0, 2.0, 3.0], requires_grad=True) for _ in range(2))

    @wrap
    def step(x: Any) -> None:
        a.zero_grad()
        b.zero_grad()
        ((x * a + b) ** 2).mean().backward()
        for p in (a, b):
            p.data -= 0.02 * p.grad

    errors = []
    for i in range(12):
        if i == 9:
            b.data.flags.writeable = False
        try:
            step(X)
        except ValueError as error:
            errors.append(str(error))
    return errors, a, b


@scenario
def attributes_of_the_step_itself(wrap: Wrap) -> Any:
    def step(x: Any) -> Any:
        step.n += 1  # type: ignore[attr-defined]
        return x * getattr(step, "rate", 1.0) / step.n  # type: ignore[attr-defined]

    step.n = 0  # type: ignore[attr-defined]
    step = wrap(step)
    reading = wrap(lambda x: x * getattr(reading, "rate", 1.0))
    return calls(step, lambda: setattr(step, "rate", 3.0)), calls(reading, lambda: setattr(reading, "rate", 3.0)), step.n  # type: ignore


# Objects that hold more than they seem to ----------------------------------------------------------------------


@scenario
def records(wrap: Wrap) -> Any:
    row = np.zeros(1, [("n", int), ("rate", float)])[0]

    @wrap
    def step(x: Any) -> Any:
        row["n"] += 1
        return x * row["rate"]

    reading = wrap(lambda x: x * row["rate"])
    return calls(step), calls(reading, lambda: row.__setitem__("rate", 3.0)), int(row["n"])


class Phase(enum.Enum):
    TRAIN = 1
    TEST = 2

    def factor(self) -> float:
        return FACTOR * self.value


@scenario
def members_of_enums(wrap: Wrap) -> Any:
    Phase.TRAIN.n = 0  # type: ignore[attr-defined]
    phase = [Phase.TEST]

    @wrap
    def counting(x: Any) -> Any:
        Phase.TRAIN.n += 1  # type: ignore[attr-defined]
        return x * 2

    by_method = wrap(lambda x: x * phase[0].factor())
    return calls(counting), calls(by_method, lambda: globals().update(FACTOR=5.0)), Phase.TRAIN.n  # type: ignore[attr-defined]


class Rate(float):
    @property
    def scaled(self) -> float:
        return self * FACTOR


class Hyper(NamedTuple):
    rate: float

    @property
    def scaled(self) -> float:
        return self.rate * FACTOR


@scenario
def numbers_and_tuples_with_code_of_their_own(wrap: Wrap) -> Any:
    rate, hyper = Rate(0.5), Hyper(0.5)
    found = []
    for step in (wrap(lambda x: x * rate.scaled), wrap(lambda x: x * hyper.scaled)):
        found.append(calls(step, lambda: globals().update(FACTOR=5.0)))
        globals()["FACTOR"] = 1.0
    return found


class Diverged(Exception):
    limit = 1.0


@scenario
def a_limit_kept_at_an_exception(wrap: Wrap) -> Any:
    step = wrap(lambda x: x * Diverged.limit)
    found = calls(step, lambda: setattr(Diverged, "limit", 3.0))
    Diverged.limit = 1.0
    return found


class Register(type):
    def __call__(cls, *args: Any) -> Any:
        made = super().__call__(*args)
        MADE.append(made)
        return made


class Layer(metaclass=Register):
    pass


MADE: list[Any] = []


@scenario
def a_metaclass_that_registers(wrap: Wrap) -> Any:
    MADE.clear()

    @wrap
    def step(x: Any) -> Any:
        Layer()
        return x * 2

    calls(step)
    return len(MADE)


# What is not there, and comes ------------------------------------------------------------------------------------


class Settings:
    pass


class Slotted:
    __slots__ = ("rate",)


class Base:
    @staticmethod
    def factor() -> float:
        return 1.0


class Derived(Base):
    pass


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    for cls, names in ((Settings, ("rate", "__len__")), (Derived, ("factor",))):
        for name in names:
            if name in vars(cls):
                delattr(cls, name)


def remove(cls: type, name: str) -> None:
    if name in vars(cls):
        delattr(cls, name)


@scenario
def attributes_that_come_later(wrap: Wrap) -> Any:
    remove(Settings, "rate")
    remove(Derived, "factor")
    settings, slotted, derived, module = Settings(), Slotted(), Derived(), types.ModuleType("settings_of_a_test")

    def helper() -> float:
        return getattr(helper, "rate", 1.0)

    return [
        calls(wrap(step), change)
        for step, change in (
            (lambda x: x * getattr(settings, "rate", 1.0), lambda: setattr(Settings, "rate", 5.0)),
            (lambda x: x * getattr(slotted, "rate", 1.0), lambda: setattr(slotted, "rate", 5.0)),
            (lambda x: x * getattr(module, "rate", 1.0), lambda: setattr(module, "rate", 5.0)),
            (lambda x: x * helper(), lambda: setattr(helper, "rate", 5.0)),
            (lambda x: x * derived.factor(), lambda: setattr(Derived, "factor", staticmethod(lambda: 5.0))),
        )
    ]


class Train:
    factor = 1.0


class Evaluate:
    factor = 5.0


@scenario
def classes_that_change(wrap: Wrap) -> Any:
    class Kind(ABC):
        pass

    this = Train()
    by_class = calls(wrap(lambda x: x * this.factor), lambda: setattr(this, "__class__", Evaluate))
    other = Settings()
    return by_class, calls(wrap(lambda x: x * (5.0 if isinstance(other, Kind) else 1.0)), lambda: Kind.register(Settings))


@scenario
def keywords_and_defaults_that_change(wrap: Wrap) -> Any:
    def helper(x: Any, *, rate: float = 1.0) -> Any:
        return x * rate

    part = functools.partial(helper, rate=2.0)
    return (
        calls(wrap(lambda x: part(x)), lambda: part.keywords.update(rate=5.0)),
        calls(wrap(lambda x: helper(x)), lambda: helper.__kwdefaults__.update(rate=5.0)),
    )


@scenario
def the_form_of_an_array(wrap: Wrap) -> Any:
    a, b = np.arange(6.0), np.arange(4.0)
    reshaped = calls(wrap(lambda x: a.sum(0)), lambda: setattr(a, "shape", (2, 3)))
    return reshaped, calls(wrap(lambda x: b * 1.0), lambda: b.resize(6, refcheck=False))


@scenario
def a_module_that_is_replaced(wrap: Wrap) -> Any:
    def put(rate: float) -> None:
        module = types.ModuleType("settings_of_a_test")
        module.rate = rate  # type: ignore[attr-defined]
        sys.modules["settings_of_a_test"] = module

    @wrap
    def step(x: Any) -> Any:
        import settings_of_a_test  # type: ignore[import-not-found]

        return x * settings_of_a_test.rate

    put(1.0)
    found = calls(step, lambda: put(5.0))
    del sys.modules["settings_of_a_test"]
    return found


# Code that runs when something is looked at ------------------------------------------------------------------------


class Norm:
    def __init__(self) -> None:
        self.w = np.ones(3)
        self.asked: list[str] = []

    @functools.cached_property
    def norm(self) -> Any:
        return self.w.sum(keepdims=True)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.asked.append(name)
        return 2.0

    def step(self, x: Any) -> Any:
        self.w *= 2
        return self.norm + 0 * x[0]


@scenario
def a_property_that_is_computed_once_and_forgotten(wrap: Wrap) -> Any:
    this = Norm()
    found = calls(wrap(this.step), lambda: vars(this).pop("norm"))
    this.rate = 1.0
    return found, calls(wrap(lambda x: x * this.rate), lambda: vars(this).pop("rate")), this.asked


# What is passed, and what is passed on ---------------------------------------------------------------------------


class Batch(NamedTuple):
    x: Any

    def tick(self) -> Any:
        TICKS[0] += 1
        return self.x * FACTOR


TICKS = np.zeros(1)


@scenario
def named_tuples_with_methods(wrap: Wrap) -> Any:
    TICKS[:] = 0
    step = wrap(lambda b: b.tick())
    return [step(Batch(X)) for _ in range(8)], TICKS.copy()


class Key:
    n = 0
    rate = 1.0

    def __repr__(self) -> str:
        return "key"


@scenario
def dicts_with_objects_as_keys(wrap: Wrap) -> Any:
    key = Key()
    w = Tensor([1.0, 2.0], requires_grad=True)

    @wrap
    def step(d: Any) -> Any:
        for each, x in d.items():
            each.n += 1
            result = x * each.rate
        return result

    by_parameter = wrap(lambda x: {w: x * 2})
    return [step({key: X}) for _ in range(8)], key.n, [list(by_parameter(X).values()) for _ in range(6)]


@scenario
def functions_of_python_that_numpy_applies(wrap: Wrap) -> Any:
    seen: list[float] = []
    double = np.frompyfunc(lambda a: (seen.append(a), a * 2)[1], 1, 1)
    step = wrap(lambda x: x * double(float(3)))
    return calls(step, n=8), len(seen)


class Log(dict[str, Any]):
    best: Any = None


@scenario
def attributes_of_what_is_not_followed(wrap: Wrap) -> Any:
    log, w = Log(), Tensor([1.0, 2.0, 3.0], requires_grad=True, name="w")

    @wrap
    def step(x: Any) -> Any:
        log.best = x[0, 0]
        return x * 2

    @wrap
    def renaming(x: Any) -> Any:
        w.name = "done"
        return x * w.data

    found = []
    for i in range(6):
        w.name = "w"
        step(X + i)
        renaming(X)
        found.append((float(log.best), w.name))
    return found


CACHE: Any = 1.0


class Plain:
    flag: Any = 5


@scenario
def globals_and_attributes_that_go(wrap: Wrap) -> Any:
    this, other = Plain(), Plain()

    def deleting(x: Any) -> Any:
        global CACHE
        result = x * CACHE
        del CACHE
        return result

    def hiding(x: Any) -> Any:
        this.flag = None
        other.__dict__["flag"] = None
        return x * 2

    steps = wrap(deleting), wrap(hiding)
    found = []
    for _ in range(8):
        globals()["CACHE"] = 2.0
        vars(this).pop("flag", None)
        vars(other).pop("flag", None)
        steps[0](X)
        steps[1](X)
        found.append(("CACHE" in globals(), this.flag, other.flag))
    return found


class Model:
    def step(self, x: Any) -> Any:
        return x * 1.0

    @staticmethod
    def factor() -> float:
        return 1.0


class Child(Model):
    def __init__(self) -> None:
        self.rate = 1.0


@scenario
def code_and_bases_that_change(wrap: Wrap) -> Any:
    code, static, making = Model.step.__code__, Model.factor.__code__, Child.__init__

    def other_step(self: Any, x: Any) -> Any:
        return x * 5.0

    def other_factor() -> float:
        return 5.0

    def other_init(self: Any) -> None:
        self.rate = 5.0

    def helper(x: Any) -> Any:
        return x * 1.0

    def other_helper(x: Any) -> Any:
        return x * 5.0

    class Other:
        @staticmethod
        def factor() -> float:
            return 7.0

    class Late(Model):
        pass

    late = Late()
    part = functools.partial(helper)
    found = [
        calls(wrap(Model().step), lambda: setattr(Model.step, "__code__", other_step.__code__)),
        calls(wrap(lambda x: x * Model.factor()), lambda: setattr(Model.factor, "__code__", other_factor.__code__)),
        calls(wrap(lambda x: x * Child().rate), lambda: setattr(Child, "__init__", other_init)),
        calls(wrap(lambda x: part(x)), lambda: setattr(helper, "__code__", other_helper.__code__)),
        calls(wrap(lambda x: x * late.factor()), lambda: setattr(Late, "__bases__", (Other,))),
    ]
    Model.step.__code__, Model.factor.__code__ = code, static
    Child.__init__ = making  # type: ignore[method-assign]
    return found


@scenario
def sets_keep_their_order_and_their_types(wrap: Wrap) -> Any:
    numbers, one, keyed = {0, 8}, {1}, {1: 2.0}

    def order() -> None:
        numbers.clear()
        numbers.update([8])
        numbers.add(0)

    def type_of_one() -> None:
        one.clear()
        one.add(1.0)  # type: ignore[arg-type]

    def key() -> None:
        keyed.clear()
        keyed[True] = 2.0

    def loop(x: Any) -> Any:
        for i in numbers:
            x = x * 2 + i
        return x

    return [
        calls(wrap(step), change)
        for step, change in (
            (loop, order), (lambda x: x * (5.0 if type(next(iter(one))) is int else 1.0), type_of_one),
            (lambda x: x * (5.0 if type(next(iter(keyed))) is int else 1.0), key),
        )
    ]  # fmt: skip


@scenario
def whether_an_array_can_be_written_to(wrap: Wrap) -> Any:
    w, v = np.ones(3), np.ones(3)

    @wrap
    def trying(x: Any) -> Any:
        try:
            v[...] = v + 1
        except ValueError:
            return x * 0
        return x * 2

    reading = wrap(lambda x: x * (2.0 if w.flags.writeable else 3.0))
    return (
        calls(reading, lambda: setattr(w.flags, "writeable", False)), calls(trying, lambda: setattr(v.flags, "writeable", False)), v
    )  # fmt: skip


@scenario
def an_argument_that_is_the_data_of_a_tensor(wrap: Wrap) -> Any:
    w = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    step = wrap(lambda x: x * (5 if x is w.data else 1))
    both = wrap(lambda t, x: x * (5 if x is t.data else 1))
    return [(step(w.data if i in (9, 20) else X[i]), both(w, w.data if i in (9, 20) else X[i])) for i in range(24)]


@scenario
def axes_and_powers_that_are_numbers(wrap: Wrap) -> Any:
    a = np.arange(9.0).reshape(3, 3) / 9

    @wrap
    def mean(x: Any, t: Any) -> Any:
        m = np.mean(x, axis=t % 2)
        return m.sum() / len(m)

    power = wrap(lambda n: np.linalg.matrix_power(a, n) * 2)
    permuted = wrap(lambda x, p: np.transpose(x, p) + 1.0)
    return (
        [mean(X, t) for t in (0, 2, 4, 6, 8, 10, 12, 1, 3)], [power(n) for n in (2, 3, 4, 5, 6, 1, 7)],
        [permuted(X, np.array([0, 1] if i < 6 else [1, 0])) for i in range(8)],
    )  # fmt: skip


@scenario
def numbers_before_and_after_a_write(wrap: Wrap) -> Any:
    w, z = np.array(1.0), np.array(0.0)

    @wrap
    def step() -> Any:
        old = w.item()
        np.add(w, z, out=w)
        return old

    found = []
    for i in range(10):
        z[...] = float(i > 4)
        found.append(step())
    return found


@scenario
def squares_of_scalars_and_products_with_ones(wrap: Wrap) -> Any:
    square = wrap(lambda x: x.sum() ** 2)
    rng = np.random.default_rng(1)
    product = wrap(lambda x: x * (1 + 1j) * np.ones(2, complex) + 0)
    with np.errstate(invalid="ignore"):
        special = [product(np.array([np.inf if i == 7 else 1.0, 1.0], complex)) for i in range(9)]
    return [square(rng.standard_normal(1)) for _ in range(3000)], special


class Quiet:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> bool:
        return True


@scenario
def exceptions_that_somebody_deals_with(wrap: Wrap) -> Any:
    n = np.zeros(1)

    @wrap
    def weighted(x: Any, v: Any) -> Any:
        n[...] += 1
        try:
            return np.average(x, weights=v)
        except ZeroDivisionError:
            return x.mean()

    @wrap
    def suppressed(a: Any) -> Any:
        n[...] += 1
        result = a
        with Quiet():
            result = np.linalg.cholesky(a)
        return result

    averages = [weighted(X[0], np.full(3, float(i != 6))) for i in range(8)]
    return averages, [suppressed(np.eye(2) * (1 if i != 6 else -1)) for i in range(8)], n


@scenario
def numbers_that_a_function_cannot_be_given(wrap: Wrap) -> Any:
    def attempt(f: Callable[[int], Any]) -> Callable[[int], Any]:
        @wrap
        def step(n: int) -> Any:
            try:
                return f(n)
            except ValueError:
                return "an error"

        return step

    steps = [attempt(f) for f in (
        lambda n: np.zeros(8).reshape(n, -1), lambda n: np.diff(X[0], n), lambda n: X[0].cumsum(max(0, -n)),
        lambda n: np.zeros(n) + 1,
    )]  # fmt: skip
    numbers = [*range(1, 9), *range(1, 9), 1, 2, 2, 2, 2, -1, 2, -1, 3]
    return [[step(kind(n)) for step in steps] for kind in (int, np.int64) for n in numbers]


@scenario
def attributes_in_another_order(wrap: Wrap) -> Any:
    box = types.SimpleNamespace(a=1.0, b=2.0)
    scaled: Any = lambda x: x * scaled.a
    scaled.a, scaled.b = 1.0, 2.0

    def put_first_last(names: dict[str, Any]) -> None:
        name = next(iter(names))
        names[name] = names.pop(name)

    @wrap
    def step(x: Any) -> Any:
        put_first_last(vars(box))
        return x * box.a

    @wrap
    def step_of_function(x: Any) -> Any:
        put_first_last(scaled.__dict__)
        return scaled(x)

    return [(step(X[0]), step_of_function(X[0]), list(vars(box)), list(vars(scaled))) for _ in range(5)]


# What is common, and compiles ------------------------------------------------------------------------------------


def a_rate_by_epoch(wrap: Wrap) -> Any:
    w = Tensor(np.zeros(3), requires_grad=True)

    @wrap
    def step(epoch: int) -> None:
        rate = 0.1 if epoch < 50 else 0.01
        w.zero_grad()
        ((X @ w - 1) ** 2).mean().backward()
        w.data -= rate * w.grad

    for epoch in range(100):
        step(epoch)
    return w


def numbers_of_numpy_as_arguments(wrap: Wrap) -> Any:
    w = Tensor(np.zeros(3), requires_grad=True)

    @wrap
    def step(x: Any, target: Any, k: Any) -> Any:
        w.zero_grad()
        cost = (x @ w - target) ** 2
        cost.backward()
        w.data -= 0.01 * w.grad
        return cost.data, target * 2, k + 1

    targets = X[:, 0] ** 2
    return [step(X[i % 24], targets[i % 24], np.int64(i)) for i in range(60)], w


def a_state_that_was_detached(wrap: Wrap) -> Any:
    w = Tensor(np.ones(3), requires_grad=True)
    step = wrap(lambda h: np.tanh(h.detach() * w.data).data)
    h: Any = Tensor(X[0]).detach()
    found = []
    for _ in range(10):
        found.append(step(h))
        h = Tensor(found[-1]).detach()
    return found


@pytest.mark.parametrize("run", [a_rate_by_epoch, numbers_of_numpy_as_arguments, a_state_that_was_detached])
def test_what_is_common_compiles(run: Callable[[Wrap], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert frozen(run(ag.compile)) == frozen(run(lambda step: step))


def test_arguments_that_are_always_others_are_told() -> None:
    step = ag.compile(lambda box: box.x * 2.0)
    with pytest.warns(UserWarning, match="its arguments are others at most calls"):
        boxes = [types.SimpleNamespace(x=np.full(2, float(i))) for i in range(300)]
        assert [step(box)[0] for box in boxes] == [2.0 * i for i in range(300)]


def test_many_outcomes_of_decisions_are_told() -> None:
    w = np.ones(3)

    @ag.compile
    def step(x: Any) -> Any:
        k = 0.0
        for j in range(3):
            if x[j] > 0:
                k = k + 0.001
        return x * w * k

    with pytest.warns(UserWarning, match="the outcome of a decision is another one at most calls"):
        for x in np.random.default_rng(0).standard_normal((60, 3)):
            step(x)

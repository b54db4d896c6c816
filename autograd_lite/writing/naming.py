"""What a Tensor is called in pictures and equations: names in mathematical dress.

One convention throughout: a number at the end of a name is an index and is set as a subscript, ``a1`` and ``a_1`` as a₁,
since a superscript would read as a power; so is a word behind a single letter, ``W_Q``. Names of Greek letters become the
letters, ``delta2`` δ₂. All else is kept letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain, count
from typing import Any

import numpy as np

from autograd_lite.engine.debugging import arrays_in
from autograd_lite.engine.graph import history, record_of
from autograd_lite.engine.tensor import Array, Tensor

SMALL = 8
"""The size up to which an array among the settings of an operation is written out; a larger one has a name."""
SUBSCRIPTS = str.maketrans("0123456789()", "₀₁₂₃₄₅₆₇₈₉₍₎")
SUPERSCRIPTS = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma sigma tau "
    "upsilon phi chi psi omega"
)
GREEK = {name: chr(ord("α") + i) for i, name in enumerate(GREEK_NAMES.split())}
GREEK |= {name.title(): GREEK[name].upper() for name in "gamma delta theta lambda xi pi sigma upsilon phi psi omega".split()}


def items(output: Tensor) -> Iterator[Any]:
    """All that has a name in the history of `output`: operands, large arrays of indices, results."""
    for t in history(output):
        if not t.is_leaf:
            yield from record_of(t).operands
            yield from large_arrays(record_of(t).settings)
        yield t


def check_is_tensor(x: Any, what: str) -> None:
    """Refuse what is not a Tensor, with a word on where to find one."""
    if not isinstance(x, Tensor):
        if isinstance(x, (list, tuple, dict)):
            instead = "pass one of the Tensors in it"
        elif callable(x):
            instead = "call it first, and pass the Tensor that it returns, as in net.cost(x, y)"
        else:
            instead = "pass a Tensor that was computed from others"
        raise TypeError(f"{what} needs a Tensor and its history, not {type(x).__name__}; {instead}")


def large_arrays(settings: Any) -> Iterator[Array]:
    return (x for x in arrays_in(settings) if x.size > SMALL)


def split_index(name: str) -> tuple[str, str]:
    """The two parts of a name: the letters, where the name of a Greek letter becomes the letter, and the index.

    Examples
    --------
    >>> [split_index(name) for name in ("a1", "delta_2", "w", "W_Q", "learning_rate", "2x", "W_(2)")]
    [('a', '1'), ('δ', '2'), ('w', ''), ('W', 'Q'), ('learning_rate', ''), ('2x', ''), ('W', '(2)')]
    """
    numbered = re.fullmatch(r"(.*)_(\([0-9]+\))", name)  # one of several Tensors of a name
    if numbered:
        letters, index = split_index(numbered[1])
        return letters, index + numbered[2]
    match = re.fullmatch(r"([^\W\d_]+)(?:_?([0-9]*)|_([^\W_]+))", name)
    if match is None:
        return name, ""
    letters = GREEK.get(match[1], match[1])
    if match[3] and len(letters) > 1:
        return name, ""
    return letters, match[2] or match[3] or ""


def dress(name: str) -> str:
    """`name` as it is set in mathematics, as far as there are characters for it.

    Examples
    --------
    >>> [dress(name) for name in ("a1", "delta2", "w", "Sigma_12", "learning_rate", "2x")]
    ['a₁', 'δ₂', 'w', 'Σ₁₂', 'learning_rate', '2x']
    """
    letters, index = split_index(name)
    return letters + (index.translate(SUBSCRIPTS) if re.fullmatch("[0-9()]*", index) else f"_{index}")


def array_of(x: Any) -> Array:
    """What a Tensor or an operand that is none holds."""
    return x.data if isinstance(x, Tensor) else np.asarray(x)


def is_literal(x: Any) -> bool:
    """Whether an operand is a nameless constant of one entry, which a formula writes as a number."""
    return not (isinstance(x, Tensor) and (x.requires_grad or x.name)) and array_of(x).size == 1


def new_names(letter: str, given: set[tuple[str, str]]) -> Iterator[str]:
    """t1, t2, ... without those that are set like one of `given`, as t_1 is."""
    return (name for name in (f"{letter}{i}" for i in count(1)) if split_index(name) not in given)


def unused(name: str, taken: set[tuple[str, str]]) -> str:
    """`name`, or with a number, ``w_(2)``, the first that is set like none of `taken`, among which it is from then on."""
    name = next(new for new in chain([name], (f"{name}_({n})" for n in count(2))) if split_index(new) not in taken)
    taken.add(split_index(name))
    return name


def readable_names(output: Tensor, is_cost: bool = True, quote: Callable[[str], str] = str) -> dict[int, str]:
    """A name for all that occurs in the history of a Tensor, by ``id``.

    Parameters
    ----------
    output : Tensor
        Called C, for cost, if it is a single number without a name and nothing else is called so; C_mean, if it is
        one with the name C that was divided by a number.
    is_cost : bool
        Whether that is so; not where a cost further on is given its adjoint.
    quote : callable
        How a name is written that could be taken for more than a name.

    Returns
    -------
    dict of str by int
        A Tensor without a name is called t1, t2, ... if it was computed, p1, ... if it is a parameter, c1, ...
        if it is constant; a number is called by its value. Of several with one name the others are numbered: w, w_(2).
    """
    found = list(items(output))
    given = {split_index(str(x.name)) for x in found if getattr(x, "name", None)}
    new = {letter: new_names(letter, given) for letter in "tpc"}
    taken: set[tuple[str, str]] = set()
    names: dict[int, str] = {}
    for x in found:
        if id(x) in names:
            continue
        name = getattr(x, "name", None)
        if name:
            name = quote(str(name))
        elif is_cost and x is output and x.size == 1 and x.op is not None and split_index(name_of_cost(x)) not in given:
            name = name_of_cost(x)
        elif is_literal(x):
            names[id(x)] = exact_number(x)
            continue
        else:
            name = next(new["c" if not getattr(x, "requires_grad", False) else "t" if x.op else "p"])
        names[id(x)] = unused(name, taken)
    return names


def name_of_cost(x: Tensor) -> str:
    """C; or, for a cost with a name that was divided by a number such as that of the samples, its name with the index mean."""
    operands = record_of(x).operands
    name = operands[0].name if operands and getattr(operands[0], "op", None) else None
    is_mean = name and record_of(x).operation.notation(x) == "{0} / {1}" and is_literal(operands[1])
    return f"{name}_mean" if is_mean else "C"


def shape_of(x: Any) -> str:
    """The shape as it is shown: 4 × 3; (4,) for a vector, since 4 would read as a number; nothing for a single number."""
    shape = array_of(x).shape
    return str(shape) if len(shape) == 1 else " × ".join(map(str, shape))


def number(x: Any, spec: str = ".6g") -> str:
    """A number with a real minus sign, and none before a zero."""
    written = str(x) if isinstance(x, (bool, np.bool_)) else format(x, spec)
    return re.sub("^-(?=[0.]*$)", "", written).replace("-", "−").replace("inf", "∞")


def times_ten_to(exponent: int) -> str:
    return f"×10{number(exponent, 'd').translate(SUPERSCRIPTS)}"


def exact_number(x: Any) -> str:
    """A constant in as many digits as it takes to read it back."""
    value = array_of(x).reshape(())[()]
    if value.dtype.kind == "c":
        return f"{exact_number(value.real)} + {exact_number(value.imag)} i".replace("+ −", "− ")
    short = number(value)
    return short if float(f"{float(value):.6g}") == value or np.isnan(value) else str(value).replace("-", "−")


def quote(name: str, indexed: bool = False) -> str:
    """`name` on one line, and in quotes if it could be taken for more than a name; if `indexed`, h[0] is one."""
    name = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(name))
    index = r"(\[[\w.]+\])*" if indexed else ""
    return name if re.fullmatch(rf"[^\W\d][\w.]*{index}'*", name) else f"“{name}”"


def plain_name(x: Any) -> str:
    """The name of an operand, or the number that it is; nothing for one without a name."""
    name = getattr(x, "name", None)
    return quote(name, indexed=True) if name else exact_number(x) if is_literal(x) else ""

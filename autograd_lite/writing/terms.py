"""What was recorded, as formulas: how a Tensor was computed, and what a local gradient does to an adjoint.

The table says how an operation is written, and on which side of the adjoint the symbol of a local gradient stands. A
label is the same formula with a dot in the place of the adjoint, so that a picture and an equation never disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from autograd_lite.engine.graph import record_of
from autograd_lite.engine.local_gradient import LocalGradient
from autograd_lite.engine.operation import ELEMENTWISE, LEFT, LINEAR, REPEATED, RIGHT, SAME, TRANSPOSED, broadcast_axes, kept_shape
from autograd_lite.engine.tensor import Tensor
from autograd_lite.writing import formulas
from autograd_lite.writing.formulas import (
    NO_SETTINGS, ONE, ONES, PLACE, ZERO, Applied, Filled, Formula, Negated, Partial, Product, Settings, Symbol, Transposed,
    is_filled, is_numeral, juxtapose, product, read, split_sign, with_sign,
)  # fmt: skip
from autograd_lite.writing.naming import SMALL, is_literal, large_arrays, new_names, plain_name, split_index, unused
from autograd_lite.writing.styles import Style

FormulaOf = Callable[[Any], Formula]
"""Gives the formula of an operand: its name, or the number that it is."""


# The settings of an operation --------------------------------------------------------------------------------------

IMPLIED = ("axis", "keepdims", "shape")
"""Settings that the shapes tell, unless there are several axes."""


def settings_of(t: Tensor, index: int | None = None) -> Settings:
    """The settings of an operation, ``[0, 1:]`` or ``[1, axis=0]``; of `t`, or for one operand.

    Two local gradients that are different maps are written in different symbols only with them.
    """
    operation, operands, values, settings = record_of(t)
    if operation.variadic and index is not None and "axis" in settings:  # where the operand lies in a concatenation
        return in_brackets([setting(x) for x in values[index]])
    found: list[list[str | int]] = []
    for name, value in settings.items():
        if name == "subscripts" and operation.variadic:
            found.append([f"{','.join(value[0])}→{value[1]}"])
        elif name in ("key", "args", "axes") and isinstance(value, tuple):
            if name != "axes" or value != tuple(range(t.ndim))[::-1]:
                found += [setting(x) for x in value] or [["()"]] * (name == "key")
        elif name in ("key", "where"):
            found.append(setting(value))
        elif name == "keywords" and isinstance(value, dict):
            found += [[f"{keyword}=", *setting(x)] for keyword, x in value.items()]
        elif name == "axis" and value is not None and np.ndim(operands[0]) > 1 or name not in IMPLIED:
            found.append([f"{name}=", *setting(value)])
    return in_brackets(found)


def in_brackets(found: Sequence[list[str | int]]) -> Settings:
    pieces = [piece for i, item in enumerate(found) for piece in ([", "] * (i > 0) + item)]
    return Settings(("[", *pieces, "]")) if found else NO_SETTINGS


def setting(x: Any) -> list[str | int]:
    """A setting as one would type it, though with a real minus; a large array as its ``id``, since it has a name."""
    if isinstance(x, slice):
        ends = [x.start, x.stop] if x.step is None else [x.start, x.stop, x.step]
        return [piece for i, end in enumerate(ends) for piece in [":"] * (i > 0) + ([] if end is None else setting(end))]
    if isinstance(x, np.ndarray):
        return setting(x.tolist()) if x.size <= SMALL else [id(x)]
    if isinstance(x, (list, tuple)):
        opening, closing = "[]" if isinstance(x, list) else ("(", "," * (len(x) == 1) + ")")
        return [opening, *(piece for i, item in enumerate(x) for piece in [", "] * (i > 0) + setting(item)), closing]
    if x is Ellipsis:
        return ["…"]
    if x is None or isinstance(x, (bool, int, float, np.generic)):
        return [str(x).replace("-", "−")]
    if isinstance(x, (type, np.dtype)):
        return [np.dtype(x).name]
    if isinstance(x, str) and re.fullmatch(r"\w+", x, re.ASCII):
        return [x]
    return [str(getattr(x, "__name__", type(x).__name__))]


# How a Tensor was computed ------------------------------------------------------------------------------------------


def slots(t: Tensor, operand: FormulaOf, index: int | None = None) -> dict[str, Formula]:
    """What stands for the ``{}`` in the notation of the operation that computed `t`; of one operand if any number is
    allowed, which is ``{0}`` then, and all are ``{x0}``, ``{x1}``."""
    operation, operands, *_ = record_of(t)
    found = {}
    if operation.variadic and index is not None:
        found = {f"x{i}": operand(x) for i, x in enumerate(operands)}
        operands = operands[index : index + 1]
    found |= {str(i): operand(x) for i, x in enumerate(operands)}
    found["out"] = operand(t)
    found["at"] = settings_of(t, index)
    return found


def formula(t: Tensor, operand: FormulaOf) -> Formula:
    """How `t` was computed, in symbols: ``w₁ a₀ + b₁``."""
    operation, operands, _, settings = record_of(t)
    notation = operation.notation(t)
    named = slots(t, operand)
    if "keepdims" in settings:  # a reduction
        named["over"] = name_axes(reduced_axes(t), np.ndim(operands[0]))  # type: ignore[assignment]
    if notation is not None:
        written = read(notation, named, of_matrices=t.ndim > 1)
        if isinstance(written, Product) and written.sign == "·" and is_numeral(written.right) > is_numeral(written.left):
            return Product("·", written.right, written.left)
        return written
    shown = [named[str(i)] for i in range(len(operands))]
    if len(shown) > 4:
        shown = [*shown[:2], Symbol("…"), shown[-1]]
    return Applied(operation.symbol, tuple(shown), named["at"], key=id(operation))


def reduced_axes(t: Tensor) -> list[int]:
    """The axes that a reduction has summed over, or the like."""
    _, (x, *_), _, settings = record_of(t)
    return [i for i, n in enumerate(kept_shape((0,) * np.ndim(x), settings["axis"])) if n == 1]


def name_axes(axes: Sequence[int], ndim: int, samples: int | None = None) -> str:
    """What a sum runs over, ``axis0``: nothing for all axes, the batch for the axis of the samples."""
    if len(axes) == ndim:
        return ""
    return "batch" if [*axes] == [samples] else ("axis" if len(axes) == 1 else "axes") + ",".join(map(str, axes))


# What a local gradient does -----------------------------------------------------------------------------------------


def compact_form(g: LocalGradient, operand: FormulaOf) -> Formula:
    """The local gradient in symbols, ``σ'(z2)``: what the form of its operation calls ``{d}``."""
    out, index = g.output, g.index
    operation = record_of(out).operation
    notation = operation.edge(index).notation(out)
    named = slots(out, operand, index)
    named["n"] = Symbol(str(g.parent.size // max(out.size, 1)))
    if 0 < out.ndim < g.parent.ndim and "keepdims" in record_of(out).settings:
        named["out"] = Applied("repeat", (named["out"],), axes=name_axes(reduced_axes(out), g.parent.ndim))
    if notation is not None:
        d = read(notation, named, signs_in_front=True, of_matrices=out.ndim > 1)
    else:
        operands = tuple(operand(x) for x in record_of(out).operands)
        is_slope = len(operands) == 1 and operation.edge(index).form_for(out, index) == ELEMENTWISE
        of = Applied(operation.symbol, operands, named["at"], primes=int(is_slope), key=id(operation))
        d = of if is_slope else Partial(of, named[str(index)])
    return tell_apart(d, g)


def tell_apart(d: Formula, g: LocalGradient) -> Formula:
    """∂₁f(x, x) in place of ∂f(x, x)/∂x, which could be either."""
    uses = sum(x is g.parent for x in record_of(g.output).operands)
    return Partial(d.of, g.index + 1) if isinstance(d, Partial) and uses > 1 else d


def term(g: LocalGradient, u: Formula, operand: FormulaOf) -> Formula:
    """The adjoint `u` of a result, multiplied into a local gradient of it."""
    out, x = g.output, g.parent
    operation, operands, _, settings = record_of(out)
    form = operation.edge(g.index).form_for(out, g.index)
    d = compact_form(g, operand)
    dimensions = [out.ndim, *(np.ndim(y) for y in operands)]
    if form in (ELEMENTWISE, SAME):
        result = elementwise(u, ONE if form == SAME else d, g)
    elif form == REPEATED:
        result = repeat(u, d, g)
    elif form == TRANSPOSED and max(dimensions) <= 2:
        same = split_sign(u)[1] in (ONE, ONES) or settings["axes"] in ((), (0,), (0, 1))
        result = u if same else transpose(u)
    elif form == TRANSPOSED:
        result = apply_transposed(Applied(operation.symbol, None, settings_of(out)), u)
    elif form in (LEFT, RIGHT) and getattr(g.value, "ndim", 2) == 1 and max(dimensions) <= 2:
        d = d.of if isinstance(d, Transposed) else d  # a vector, which as row or column would be written the same
        if out.ndim == 0:
            result = juxtapose(u, d)
        else:
            result = outer(u, d) if form == LEFT else outer(d, u)
    elif form == LINEAR:
        result = apply_transposed(d, u)
    elif "({u})" in form or callable(operation.edge(g.index).form):
        result = in_form(form, u, d, g, operand)
    elif out.ndim == max(dimensions) and min(dimensions) >= 2 or max(dimensions) <= 2:
        if u == ONE:
            form = form.replace("{u} ", "").replace(" {u}", "")
        written, transposed_result, _ = form.partition(" ({out})ᵀ") if out.ndim == 1 else (form, "", "")
        result = in_form(written, u, d, g, operand)
        if transposed_result:
            result = outer(result, operand(out))
        shape = out.shape[:-2] + x.shape[-2:]
        axes = broadcast_axes(shape, x.shape) if min(dimensions) >= 2 else ()
        result = sum_over(result, axes, len(shape))
    else:  # stacks of vectors: no product of two matrices says it
        result = apply_transposed(tell_apart(Partial(formula(out, operand), operand(x)), g), u)
    if out.dtype.kind == "c" and x.dtype.kind != "c":
        minus, body = split_sign(result)
        result = with_sign(minus, Applied("Re", (body,)))
    return result


def in_form(form: str, u: Formula, d: Formula, g: LocalGradient, operand: FormulaOf) -> Formula:
    named = {**slots(g.output, operand, g.index), "u": u, "d": d}
    return read(form, named, signs_in_front=True)


def apply_transposed(linear_map: Formula, u: Formula) -> Formula:
    return product("", Transposed(linear_map), u, formulas.MAP)


def transpose(u: Formula) -> Formula:
    minus, body = split_sign(u)
    if isinstance(body, Applied) and body.primes:  # tanh'(z)ᵀ is the transpose of a map
        body = formulas.Group(body)
    return with_sign(minus, Transposed(body))


def outer(a: Formula, b: Formula) -> Formula:
    """The products of an entry of one vector with an entry of the other."""
    return product("⊗", a, b, formulas.SIGN)


def elementwise(u: Formula, d: Formula, g: LocalGradient) -> Formula:
    """u ⊙ d, summed over what broadcasting repeated; a single number stands in front as a factor."""
    out, x = g.output, g.parent
    d_shape = np.shape(g.value)
    shape = np.broadcast_shapes(out.shape, d_shape)
    if isinstance(g.value, (int, float)) and g.value == 0 or u == ZERO:
        return ZERO
    (minus, body), (_, factor) = split_sign(u), split_sign(d)
    if body == ONES and d_shape == shape:
        u, body = with_sign(minus, ONE), ONE
    if ONE in (body, factor) or out.ndim == 0:
        result = juxtapose(d, u) if is_numeral(factor) else juxtapose(u, d)
    elif d_shape == shape and is_filled(body):
        result = juxtapose(with_sign(minus, body.left), d)  # type: ignore[attr-defined]
    else:
        result = juxtapose(d, u) if d_shape == () else product("⊙", u, d, formulas.HADAMARD)
    axes = broadcast_axes(shape, x.shape)
    if axes and x.size == 1 and formulas.is_constant(result):
        return multiple_of_ones(result, prod(shape))
    return sum_over(result, axes, len(shape), record_of(out).operation.samples)


def sum_over(term: Formula, axes: Sequence[int], ndim: int, samples: int | None = None) -> Formula:
    """Σ of `term` over some of its axes, if there are any."""
    minus, body = split_sign(term)
    return with_sign(minus, formulas.Over("Σ", name_axes(axes, ndim, samples), body)) if axes else term


def multiple_of_ones(formula: Formula, n: int) -> Formula:
    """The sum of n equal numbers: a numeral, or that times 𝟏."""
    minus, body = split_sign(formula)
    number, _ = formulas.split_numeral(body)
    return with_sign(minus, juxtapose(Symbol(str(n)), number or ONE))


def repeat(u: Formula, d: Formula, g: LocalGradient) -> Formula:
    """A reduction: u, repeated along the reduced axes, ⊙ d."""
    out, x = g.output, g.parent
    axes = reduced_axes(out)
    minus, body = split_sign(u)
    if body == ONES:
        body = ONE
    elif 0 < len(axes) < x.ndim:
        body = Applied("repeat", (body,), axes=name_axes(axes, x.ndim))
    if np.shape(g.value) == ():  # sum and mean
        minus, body = split_sign(juxtapose(d, with_sign(minus, body)))
        if len(axes) < x.ndim and body != ONE or x.ndim == 0:
            return with_sign(minus, body)
        d = ONES
    if body == ONE:
        return -d if minus else d
    if out.ndim == 0 and d == ONES and not is_numeral(body) and body.level >= formulas.PRODUCT:
        return with_sign(minus, Filled("", body, ONES))
    u = with_sign(minus, body)
    return juxtapose(u, d) if out.ndim == 0 else product("⊙", u, d, formulas.HADAMARD)


# Labels -------------------------------------------------------------------------------------------------------------


def label(g: LocalGradient, operand: FormulaOf, with_side: bool = False) -> Formula:
    """What a local gradient does to the adjoint, with a dot in its place: ``−(B)ᵀ · (B)ᵀ``.

    A factor alone, ``σ'(z)``, is multiplied into it entry by entry; a map, ``flipᵀ``, is applied to it. Only with
    `with_side` does the factor of a matrix product keep its dot, and a factor that is multiplied entry by entry its
    ⊙.
    """
    return drop_place(term(g, PLACE, operand), with_side)


def drop_place(whole: Formula, with_side: bool = False) -> Formula:
    """The label that is left of a term when the dot goes, where what it is multiplied by can stand alone."""
    minus, body = split_sign(whole)
    if body == PLACE:
        return with_sign(minus, ONE)
    if isinstance(body, Product) and body.right == ONES:
        factor = drop_place(body.left)
        return with_sign(minus, ONES if factor == ONE else juxtapose(factor, ONES))
    if isinstance(body, Product) and PLACE in (body.left, body.right):
        factor = body.right if body.left == PLACE else body.left
        if factor.level == formulas.SUM:
            factor = formulas.Group(factor)
        if with_side and body.sign == "⊙":
            return with_sign(minus, formulas.Multiplied(body.sign, factor, body.level))
        is_matrix = isinstance(factor, Transposed) and not isinstance(factor.of, (Applied, Partial))
        if not (body.sign == "⊗" or with_side and is_matrix and body.level == formulas.PRODUCT):
            return with_sign(minus, factor)
    elif isinstance(body, Product) and not body.sign and is_numeral(body.left) and isinstance(body.right, Product):
        return with_sign(minus, juxtapose(body.left, drop_place(body.right, with_side)))
    elif isinstance(body, formulas.Over) and body.of == PLACE:
        return with_sign(minus, Applied(body.sign, axes=body.axes))
    elif isinstance(body, Applied) and body.operands == (PLACE,):
        return with_sign(minus, Applied(body.function, None, body.settings, body.primes, body.axes))
    return whole


def is_transposed(label: Formula) -> bool:
    """Whether a label is the transpose of a matrix, on one side of the adjoint or alone."""
    factors = (label.left, label.right) if isinstance(label, Product) else (label,)
    return any(isinstance(factor, Transposed) and isinstance(factor.of, formulas.Name) for factor in factors)


def plain_label(g: LocalGradient) -> str:
    """The label as text, with operands that nobody has named called x, or x1, x2, ..., and the result y."""
    return in_own_names(g, label)


def whole_map(g: LocalGradient) -> str:
    """The same with the dot always there."""
    return in_own_names(g, lambda g, operand: term(g, PLACE, operand))


def in_own_names(g: LocalGradient, write: Callable[[LocalGradient, FormulaOf], Formula]) -> str:
    """A formula of one local gradient as text, in the names of its operation alone."""
    names = names_of_one_step(g.output)
    return Style(names).to_text(write(g, lambda x: name_operand(x, names)))


def names_of_one_step(out: Tensor) -> dict[int, str]:
    """Names of the result and operands of one operation, and of the large arrays among its settings."""
    record = record_of(out)
    operands = list({id(x): x for x in record.operands}.values())
    given = {split_index(str(x.name)) for x in (*operands, out) if getattr(x, "name", None)}
    taken: set[tuple[str, str]] = set()
    nameless = [x for x in operands if not getattr(x, "name", None) and not is_literal(x)]
    new = new_names("x", given) if len(nameless) > 1 or ("x", "") in given else iter("x")
    names = {id(array): "indices" for array in large_arrays(record.settings)}
    names |= {id(x): plain_name(x) if is_literal(x) else unused(plain_name(x) or next(new), taken) for x in operands}
    names[id(out)] = unused(plain_name(out) or ("y" if ("y", "") not in given else next(new_names("y", given))), taken)
    return names


def name_operand(x: Any, names: dict[int, str]) -> Formula:
    """The name of an operand, or the number that it is."""
    return numeral(names[id(x)]) if is_literal(x) else formulas.Name(id(x))


def numeral(text: str) -> Formula:
    """A number as a formula: a minus in front is an operator, and a sum of two parts is one."""
    if " " in text:
        return Symbol(text, formulas.SUM)
    return Negated(Symbol(text[1:])) if text.startswith("−") else Symbol(text)

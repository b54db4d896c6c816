"""Tensor: an array that remembers how it was computed."""

# mypy: disable-error-code=empty-body

from __future__ import annotations

import operator
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from autograd_lite.engine import recording
from autograd_lite.engine.backward import make_own, sweep
from autograd_lite.engine.exits import JOIN, assigns, lost_as_array, lost_as_number, lost_in_assignment, show_instead
from autograd_lite.engine.local_gradient import LocalGradient
from autograd_lite.engine.recording import creation, current, differentiated

Array = np.ndarray[Any, Any]
Axes = int | tuple[int, ...] | None

TABLE: dict[Any, Callable[..., Any]] = {}
"""The operations, by name and by the NumPy functions that they stand for. Filled by the table modules."""


# Declarations in the place of which `table.methods` puts operations.
def _unary(self: Tensor) -> Tensor: ...
def _binary(self: Tensor, other: Operand, /) -> Tensor: ...


def _in_place(symbol: str) -> Callable[[Tensor, Any], Tensor]:
    """For a result ``t += x`` means ``t = t + x``, as NumPy code expects. For a parameter it is refused: the
    parameter itself would stay unchanged."""

    def refuse_for_parameter(self: Tensor, other: Any) -> Any:
        if self._requires_grad and self._operation is None and self not in differentiated.get():
            p = self.name or "p"
            raise TypeError(
                f"{p} {symbol}= ... would leave the parameter ({self.describe()}) as it is and make a new Tensor; "
                f"write {p}.data {symbol}= ... to update it, or another name for the new Tensor: q = {p} {symbol} ..."
            )
        return NotImplemented

    return refuse_for_parameter


def _comparison(compare: np.ufunc) -> Callable[[Tensor, Any], Any]:
    def comparison(self: Tensor, other: Any) -> Any:
        return compare(self._array, other._array if isinstance(other, Tensor) else other)

    return comparison


def _conversion(kind: type) -> Callable[[Tensor], Any]:
    def convert(self: Tensor) -> Any:
        if self._requires_grad and current().on:
            raise lost_as_number(self, f"{kind.__name__}(t)")
        return kind(self.item())

    return convert


ONES = {char: np.broadcast_to(np.ones((), char), ()) for char in "efdg"}
"""The number 1 by dtype, the adjoint that a backward pass starts from; broadcast, so that nothing writes to it."""


class Tensor:
    """An array that records what is computed from it.

    Parameters
    ----------
    data : array_like
        A number, a nested list or an array; it is copied.
    requires_grad : bool
        Whether derivatives with respect to this Tensor are wanted.
    dtype : dtype, optional
        As for `numpy.array`.
    name : str, optional
        What the Tensor is called in pictures, labels and equations.

    Raises
    ------
    TypeError
        If `requires_grad` is set and the dtype is not a real floating one.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> w = ag.Tensor([1.0, 2.0, 3.0], requires_grad=True, name="w")
    >>> cost = (w**2).sum()
    >>> cost.backward()
    >>> w.grad
    array([2., 4., 6.])
    """

    __slots__ = (
        "_name",
        "_array",  # not `_data`: numpy.ma would read it from any object that has one
        "_grad",
        "_requires_grad",
        "_operation",  # what computed it, None for a leaf
        # The operands, x, and the local gradient with respect to each, d, None where none is needed: the letters are
        # those of the pulls. Up to three stand in slots of the node itself: in tuples, they would be further objects
        # for Python's garbage collector to walk through, and a graph of a million nodes would take twice the time.
        # More than three are in two tuples, in `_x0` and `_d0`. `Operation.arrows` reads them.
        "_x0",
        "_x1",
        "_x2",
        "_d0",
        "_d1",
        "_d2",
        "_settings",  # the operation's keywords
        "_order",  # number of its creation
        "_changed",  # number of the last replacement of its data
        "scope",  # the names of the scopes that it was recorded in, outermost first (see `name_scope`)
        "__weakref__",
    )
    _requires_grad: bool
    _x0: Any
    _d0: Any

    def __init__(
        self,
        data: npt.ArrayLike | Tensor,
        requires_grad: bool = False,
        *,
        dtype: npt.DTypeLike | None = None,
        name: str | None = None,
    ) -> None:
        if isinstance(data, Tensor):
            if data._requires_grad and current().on:
                raise TypeError(
                    f"Tensor({data.describe()}) would cut it off from its gradient; "
                    "write t.detach() or t.data for its values alone, or t.copy() to keep the history"
                )
            data = data._array
        self._array: Array = as_numbers(data, dtype, copy=True)
        self.name = name
        self._grad: Array | None = None
        self._requires_grad = False
        self._operation: Any = None
        self._settings: dict[str, Any] = {}
        self._order = next(creation)
        self._changed = 0
        self.scope: tuple[str, ...] = ()
        if requires_grad is not False:
            self.requires_grad = requires_grad

    # Data ---------------------------------------------------------------------------------------------

    @property
    def name(self) -> str | None:
        """What it is called in pictures, equations and errors."""
        return self._name

    @name.setter
    def name(self, name: str | None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name is a string, what the Tensor is called in pictures and equations; not {name!r}")
        self._name = name

    @property
    def data(self) -> Array:
        """The values. ``t.data = array`` and ``t.data -= array`` are how a parameter is updated.

        Backpropagating through a graph that was recorded before the update raises RuntimeError. Writing to
        entries of the array, as in ``t.data[0] = 1``, passes unnoticed: do it before anything is recorded.
        """
        return self._array

    @data.setter
    def data(self, new: npt.ArrayLike) -> None:
        changed_in_place = new is self._array  # by `t.data -= array`
        if self._operation is not None:
            if changed_in_place:
                recording.last_change = self._changed = next(creation)
            lost = ": the graph can no longer be differentiated" * changed_in_place
            raise RuntimeError(
                f"the data of {self.describe()} was computed by '{self.op}' and is not to be changed{lost}. Write "
                "t.detach().copy() for a Tensor of its own"
            )
        if not changed_in_place:
            self._array = self._as_own(new)
        recording.last_change = self._changed = next(creation)

    def _as_own(self, new: npt.ArrayLike) -> Array:
        """A copy that can take the place of `data`."""
        array = as_numbers(new)
        if not self._can_hold(array):
            raise ValueError(
                f"data of {self.describe()} is replaced by an array of the same shape and a dtype that "
                f"{self.dtype} can hold, not by shape {array.shape}, {array.dtype}; "
                "for other data make another Tensor"
            )
        return array.astype(self.dtype)

    def _can_hold(self, array: Array) -> bool:
        """Whether an array can take the place of `data` or `grad`."""
        return array.shape == self.shape and np.can_cast(array.dtype, self.dtype, "same_kind")

    @property
    def grad(self) -> Array | None:
        """What `backward` has accumulated, an array of its own with the shape and dtype of `data`, or None.

        Only leaves have one. For a result it is None, and reading it warns and says what to write instead.
        """
        if self._grad is None and self._operation is not None:
            warnings.warn(
                f"{self.describe()} has no grad: backward() gives one to leaves alone. ag.gradients(cost, [t]) gives the "
                "derivatives of a cost with respect to results",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, new: npt.ArrayLike | None) -> None:
        if new is not None and new is not self._grad:
            array = as_numbers(new, what=f"grad of {self.describe()}")
            if not self._can_hold(array):
                what = f"{self.dtype}, not shape {array.shape}, {array.dtype}"
                raise ValueError(f"grad of {self.describe()} is an array of its shape that can be cast to {what}")
            new = array.astype(self.dtype)
        self._grad = new

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this Tensor are recorded."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, new: bool) -> None:
        if self._operation is not None:
            raise RuntimeError(
                f"requires_grad can be set on leaves, and {self.describe()} was computed by '{self.op}'; "
                "t.detach() gives a leaf of the same values"
            )
        if not isinstance(new, (bool, np.bool_)):
            raise TypeError(f"requires_grad is True or False, not {new!r}; a name is given as name=")
        if new and self.dtype.kind != "f":
            if self.dtype.kind == "c":
                help = "complex Tensors are not differentiated: keep real and imaginary part in two Tensors"
            else:
                help = "write Tensor(data, requires_grad=True, dtype=float), or 1.0 instead of 1 in the data"
            raise TypeError(f"only a floating-point Tensor can require a gradient, not {self.dtype}; {help}")
        self._requires_grad = bool(new)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    @property
    def ndim(self) -> int:
        return self._array.ndim

    @property
    def size(self) -> int:
        return self._array.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._array.dtype

    @property
    def T(self) -> Tensor:
        """The Tensor with its axes reversed."""
        raise NotImplementedError

    @property
    def mT(self) -> Tensor:
        """The matrices of a stack, each transposed."""
        raise NotImplementedError

    @property
    def real(self) -> Tensor:
        """The real part."""
        raise NotImplementedError

    @property
    def imag(self) -> Tensor:
        """The imaginary part."""
        raise NotImplementedError

    @property
    def flat(self) -> Tensor:
        """All entries along one axis, for iteration and indices."""
        return self.ravel()

    # History ------------------------------------------------------------------------------------------

    @property
    def is_leaf(self) -> bool:
        """Whether no operation is recorded for this Tensor: it was given, or it is a constant."""
        return self._operation is None

    @property
    def op(self) -> str | None:
        """The name of the operation that computed this Tensor, None for a leaf."""
        return None if self._operation is None else self._operation.name

    @property
    def _operands(self) -> tuple[Any, ...]:
        """What it was computed from: Tensors, arrays, numbers."""
        return tuple([x for x, _, _ in self._arrows()])

    @property
    def _stored(self) -> tuple[Any, ...]:
        """The local gradient with respect to each operand, None where none is needed."""
        return tuple([value for _, _, value in self._arrows()])

    def _arrows(self) -> Any:
        """Each operand with its pull and its local gradient."""
        operation = self._operation
        return () if operation is None else operation.arrows(self, operation.pulls)

    @property
    def parents(self) -> tuple[Tensor, ...]:
        """The operands, by the name that they have in graphs; arrays and numbers among them as constant Tensors."""
        return tuple(x if isinstance(x, Tensor) else Tensor(x) for x in self._operands)

    @property
    def local_gradients(self) -> tuple[LocalGradient, ...]:
        """The stored derivatives of this Tensor, one for each parent that requires a gradient."""
        return tuple(LocalGradient(self, i) for i, value in enumerate(self._stored) if value is not None)

    # Differentiation ----------------------------------------------------------------------------------

    def backward(self, gradient: npt.ArrayLike | Tensor | None = None) -> None:
        """Add the derivative of this Tensor to `grad` of every leaf that it depends on.

        Parameters
        ----------
        gradient : array_like, shape of this Tensor, optional
            The adjoint to start from; 1 if it is left out, which only a single entry allows.

        Raises
        ------
        ValueError
            If `gradient` is missing or has the wrong shape.
        RuntimeError
            If nothing was recorded, or data was replaced since.

        Notes
        -----
        Whatever is raised, even by Ctrl-C, either every `grad` has changed or none has.
        """
        self._check_recorded()
        seed = self._seed(gradient)
        adjoints, ours = sweep(self, seed._array if isinstance(seed, Tensor) else seed)
        for x, u in adjoints.items():
            # `make_own`, called only where it would do something
            if x not in ours or type(u) is not np.ndarray or u.dtype is not x._array.dtype:
                adjoints[x] = u = make_own(u, x, ours)
            if x._grad is not None:
                adjoints[x] = np.add(x._grad, u, out=u)  # into u, not into grad: if a later one fails, none has changed
        # a single call in C, which Ctrl-C cannot interrupt halfway
        deque(map(setattr, adjoints, repeat("_grad"), adjoints.values()), 0)

    def _check_recorded(self) -> None:
        """Refuse to differentiate a constant."""
        if not self._requires_grad:
            raise RuntimeError(
                f"nothing to backpropagate from {self.describe()}: no Tensor that it was computed from has "
                "requires_grad=True, or it was computed under no_grad()"
            )

    def _seed(self, gradient: Any) -> Any:
        """The adjoint to start a sweep from."""
        if gradient is None:
            if self._array.ndim == 0 and self._array.dtype.kind == "f":
                return ONES[self._array.dtype.char]
            if self._array.dtype.kind == "c":
                raise TypeError(
                    f"{self.describe()} is complex, and only a real number has a gradient that goes without saying; "
                    "take np.real, np.imag or np.abs of it, or pass gradient="
                )
            if self._array.size != 1:
                raise ValueError(
                    f"{self.describe()} has {self.size} entries, and only the derivative of a single number goes "
                    "without saying; pass gradient= (an array of that shape), or reduce it first, as in t.sum()"
                )
            return np.ones_like(self._array)
        gradient = as_array(gradient)
        if gradient.dtype.kind not in "biuf" and not (gradient.dtype.kind == self._array.dtype.kind == "c"):
            raise TypeError(
                f"gradient= holds numbers like those of {self.describe()}, which is {self.dtype}, not {gradient.dtype}"
            )
        if gradient.shape != self.shape:
            raise ValueError(
                f"gradient has shape {gradient.shape}, but {self.describe()} needs one of shape {self.shape}"
            )
        return gradient

    def zero_grad(self) -> None:
        """Forget what `backward` has accumulated."""
        self._grad = None

    # The way out --------------------------------------------------------------------------------------

    def detach(self) -> Tensor:
        """A constant Tensor of the same values, which shares their memory and cannot be written to."""
        return make_tensor(self.numpy())

    def numpy(self) -> Array:
        """The values as a read-only view; ``t.numpy().copy()`` can be written to."""
        view = self._array.view()
        view.flags.writeable = False
        return view

    def item(self) -> Any:
        """The value of a Tensor of one entry, as a Python number."""
        return self._array.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self._array.tolist()

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        if self._requires_grad and current().on:
            raise lost_as_array(self)
        if copy or (dtype is not None and np.dtype(dtype) != self.dtype):
            return np.array(self._array, dtype=dtype)
        return np.asarray(self.numpy())

    __float__: Callable[[Tensor], float] = _conversion(float)
    __int__: Callable[[Tensor], int] = _conversion(int)
    __complex__: Callable[[Tensor], complex] = _conversion(complex)

    def __index__(self) -> int:
        return operator.index(self._array)

    def __bool__(self) -> bool:
        if self._requires_grad and current().on and assigns(sys._getframe(1)):
            # NumPy asks for the truth of t in a[i] = t for an array a of booleans
            raise show_instead(lost_in_assignment(self), sys._getframe(1))
        return bool(self._array)

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("iteration over a Tensor without axes")
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return value in self._array

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec and self.size == 1 else str(self), spec)

    def __repr__(self) -> str:
        text = np.array2string(self._array, separator=", ", prefix="Tensor(")
        if self.dtype not in (np.dtype(float), np.dtype(int), np.dtype(bool)):
            text += f", dtype={self.dtype}"
        if self.name is not None:
            text += f", name={self.name!r}"
        if self._operation is not None:
            text += f", op={self.op!r}"
        elif self._requires_grad:
            text += ", requires_grad=True"
        return f"Tensor({text})"

    def describe(self) -> str:
        """Name, or operation, and shape: what an error message calls this Tensor."""
        what = self.name or (f"the result of '{self.op}'" if self.op else "a Tensor")
        return f"{what} of shape {self.shape}"

    def __copy__(self) -> Tensor:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A leaf gives a new leaf; a result gives the result of the recorded operation `copy`."""
        if self._operation is not None:
            return self.copy()
        return _restore(self._array, self._requires_grad, self.name, self._grad)

    def __reduce__(self) -> Any:
        if self._operation is not None:
            raise TypeError(
                f"{self.describe()} has a history, which cannot be pickled; "
                "write t.detach() for its values alone"
            )
        return _restore, (self._array, self._requires_grad, self.name, self._grad)

    # Operations -----------------------------------------------------------------------------------------

    # Declared here, with their types. `table.methods` puts the functions of the table in the place of the declarations:
    # looked up by name at each call, they would take 0.1 to 0.3 µs more.

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _binary
    __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = _binary
    __neg__ = __pos__ = __abs__ = conj = conjugate = _unary
    __iadd__, __isub__, __imul__, __itruediv__ = _in_place("+"), _in_place("-"), _in_place("*"), _in_place("/")
    __imatmul__, __ipow__ = _in_place("@"), _in_place("**")
    __ifloordiv__, __imod__ = _in_place("//"), _in_place("%")
    __lt__, __le__ = _comparison(np.less), _comparison(np.less_equal)
    __gt__, __ge__ = _comparison(np.greater), _comparison(np.greater_equal)
    __eq__, __ne__ = _comparison(np.equal), _comparison(np.not_equal)
    __hash__ = object.__hash__

    exp = log = sqrt = square = sin = cos = tanh = sigmoid = relu = softplus = _unary

    def __getitem__(self, key: Any, /) -> Tensor: ...
    def __divmod__(self, other: Operand, /) -> tuple[Tensor, Tensor]: ...
    def __rdivmod__(self, other: Operand, /) -> tuple[Tensor, Tensor]: ...

    def sum(self, axis: Axes = None, *, dtype: npt.DTypeLike | None = None, keepdims: bool = False) -> Tensor:
        """The sum over `axis`, of all entries by default.

        `dtype` and `keepdims` are keywords. NumPy's `out`, `where` and `initial` are left out, as in all reductions.
        """

    def mean(self, axis: Axes = None, *, dtype: npt.DTypeLike | None = None, keepdims: bool = False) -> Tensor:
        """The mean over `axis`, of all entries by default."""

    def prod(self, axis: Axes = None, *, dtype: npt.DTypeLike | None = None, keepdims: bool = False) -> Tensor:
        """The product over `axis`, of all entries by default."""

    def max(self, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
        """The largest entry along `axis`. Entries that share it share the gradient."""

    def min(self, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
        """The smallest entry along `axis`. Entries that share it share the gradient."""

    def var(self, axis: Axes = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """The variance over `axis`: the squared deviations, summed and divided by n − ddof."""

    def std(self, axis: Axes = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """The square root of the variance over `axis`, with gradient 0 where all entries are equal."""

    def cumsum(self, axis: int | None = None) -> Tensor:
        """The sum of the entries up to each one along `axis`; of all of them, flattened, by default."""

    def cumprod(self, axis: int | None = None) -> Tensor:
        """The product of the entries up to each one along `axis`; of all of them, flattened, by default."""

    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        """The entries, with the bound in place of what lies beyond; bounds may be Tensors."""

    def round(self, decimals: int = 0) -> Tensor:
        """The entries rounded to that many decimals, with gradient 0."""

    def __round__(self, ndigits: int = 0) -> Tensor:
        """The entries rounded to that many digits after the decimal point, with gradient 0."""

    def dot(self, other: Operand, /) -> Tensor:
        """The product that sums over the last axis of this and the last but one of the other."""

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """The sum along a diagonal."""

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """The entries on a diagonal."""

    def reshape(self, *shape: Any, order: str = "C") -> Tensor:
        """The same entries in another shape, given as one tuple or as several integers."""

    def ravel(self, order: str = "C") -> Tensor:
        """All entries along one axis."""

    flatten = ravel

    def squeeze(self, axis: Axes = None) -> Tensor:
        """Without the axes of length 1, or without those named."""

    def transpose(self, *axes: Any) -> Tensor:
        """The axes permuted, reversed by default; given as one tuple or as several integers."""

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Two axes in each other's place."""

    def take(self, indices: npt.ArrayLike, axis: int | None = None, *, mode: str = "raise") -> Tensor:
        """The entries at `indices` along `axis`; of all entries, flattened, by default."""

    def repeat(self, repeats: npt.ArrayLike, axis: int | None = None) -> Tensor:
        """Each entry several times along `axis`; all entries, flattened, by default."""

    def astype(self, dtype: npt.DTypeLike, copy: bool = True) -> Any:
        """The entries in another dtype; a plain array for integers and booleans, through which no gradient passes."""

    def copy(self) -> Tensor:
        """The same values with the same history; ``t.detach().copy()`` is a leaf of its own."""

    def sort(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: an array sorts itself in place, and a Tensor is not modified."""
        raise TypeError(f"t.sort() sorts an array in place, and {self.describe()} is not modified; write np.sort(t)")

    def argmax(self, axis: int | None = None, **keywords: Any) -> Any:
        """Where the maximum is; a plain integer or array."""
        return self._array.argmax(axis, **keywords)

    def argmin(self, axis: int | None = None, **keywords: Any) -> Any:
        """Where the minimum is; a plain integer or array."""
        return self._array.argmin(axis, **keywords)

    def argsort(self, axis: int | None = -1, **keywords: Any) -> Array:
        """The order that sorts the entries; a plain array."""
        return self._array.argsort(axis, **keywords)

    def nonzero(self) -> tuple[Array, ...]:
        """The indices of the entries that differ from 0, plain arrays."""
        return self._array.nonzero()

    def any(self, axis: Any = None, **keywords: Any) -> Any:
        """Whether any entry differs from 0; a plain boolean or array."""
        return self._array.any(axis, **keywords)

    def all(self, axis: Any = None, **keywords: Any) -> Any:
        """Whether every entry differs from 0; a plain boolean or array."""
        return self._array.all(axis, **keywords)

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError(
            f"{self.describe()} is not modified in place. For a result with some entries replaced write "
            "np.where(mask, value, t); to set a parameter write data = t.data.copy(); data[key] = value; t.data = data"
        )

    # NumPy's own functions ------------------------------------------------------------------------------

    __pandas_priority__ = 5000  # more than that of a DataFrame: the operators of pandas give way to ours

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        return DISPATCH["ufunc"](ufunc, method, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        return DISPATCH["function"](function, args, keywords)


Operand = Tensor | npt.ArrayLike

DISPATCH: dict[str, Callable[..., Any]] = {}
"""How NumPy's functions find their operation; filled by the module that knows NumPy's names."""


def as_array(x: Any) -> Any:
    """A Tensor as it is, anything else as an array."""
    refuse_mask(x)
    return x if isinstance(x, Tensor) else np.asarray(x)


def make_tensor(data: Any, operation: Any = None, settings: Any = None, scope: tuple[str, ...] = ()) -> Tensor:
    """A Tensor of `data` as it stands; with an operation, a node that is still to be given its operands. The hot path."""
    t = new_tensor(Tensor)
    t._array = data if type(data) is np.ndarray else np.asarray(data)
    t._grad = t._name = None
    t._requires_grad = operation is not None
    t._operation = operation
    t._settings = settings
    t._order = next(creation)
    t._changed = 0
    t.scope = scope
    return t


new_tensor = Tensor.__new__


def as_tensor(data: npt.ArrayLike | Tensor, *, dtype: npt.DTypeLike | None = None, name: str | None = None) -> Tensor:
    """A constant Tensor that shares the memory of `data`: for large inputs that need no copy.

    Parameters
    ----------
    data : array_like or Tensor
        A Tensor is returned as it is; of another dtype, what its `astype` gives.
    dtype : dtype, optional
        A conversion copies.
    name : str, optional
        Of what is made here; a Tensor that is returned as it is keeps its own.

    Notes
    -----
    What is recorded with it refers to the array of the caller, who must not write to it before the
    backward pass.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> import numpy as np
    >>> image = np.zeros((28, 28))
    >>> np.shares_memory(ag.as_tensor(image, name="x").data, image)
    True
    """
    if isinstance(data, Tensor):
        if dtype is None or data.dtype == dtype_of_numbers(dtype):
            return data
        data = data.astype(dtype)  # with its history where a gradient passes, as an array for integers
        if isinstance(data, Tensor):
            return data
    t = make_tensor(as_numbers(data, dtype, what=name if isinstance(name, str) else "a Tensor"))
    if name is not None:
        t.name = name
    return t


def as_numbers(data: Any, dtype: npt.DTypeLike | None = None, copy: bool | None = None, what: str = "a Tensor") -> Array:
    """`data` as an array of numbers, with errors that say which argument holds none; a copy where one is needed or asked for."""
    if isinstance(data, (list, tuple)):
        refuse_tensors_in(data)
    else:
        refuse_mask(data)
    if dtype is not None:
        dtype = dtype_of_numbers(dtype)
    try:
        array = np.array(data, dtype=dtype, copy=copy)
    except (TypeError, ValueError) as error:
        if isinstance(data, Tensor):
            raise
        text = f"{what} holds numbers, data of an array or of nested lists of equal lengths: {error}"
        raise TypeError(text) if isinstance(error, TypeError) else ValueError(text) from error
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{what} holds numbers, not data of dtype {array.dtype}")
    return array


def dtype_of_numbers(dtype: Any) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except (TypeError, ValueError):
        found = np.dtype(object)
    if found.kind not in "biufc":
        raise TypeError(f"dtype is one of numbers, such as np.float32, not {dtype!r}")
    return found


def refuse_mask(data: Any) -> None:
    """Refuse an array of numpy.ma, told by the name of its module so that numpy.ma need not be imported."""
    if type(data).__module__.startswith("numpy.ma"):
        raise TypeError("a Tensor has no mask, and data that is masked would be seen; fill it first, as in data.filled(0.0)")


def refuse_tensors_in(items: Any, depth: int = 64) -> None:
    """Raise where turning a list into an array would cut Tensors off from their history."""
    if not depth:
        raise ValueError("data is a list that is nested more than 64 deep, or contains itself")
    for item in items:
        if isinstance(item, Tensor) and item._requires_grad:
            raise TypeError(
                f"a list that holds {item.describe()}, which requires a gradient, would lose it as an array; "
                f"write {JOIN}, or t.detach() for the values alone"
            )
        if isinstance(item, (list, tuple)):
            refuse_tensors_in(item, depth - 1)


def _restore(data: Array, requires_grad: bool, name: str | None, grad: Array | None) -> Tensor:
    t = Tensor(data, requires_grad, name=name)
    t.grad = grad
    return t

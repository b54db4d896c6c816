"""How the parameters follow the gradients that `backward` has left in them.

What an optimizer remembers from step to step lies in Tensors, as the parameters do: so a step can be compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

from autograd_lite import Tensor

from .arguments import fraction, positive


class Optimizer:
    """The parameters and the learning rate, common to all.

    Parameters
    ----------
    parameters : dict by name, or iterable of Tensor
        Leaves that require a gradient.
    learning_rate : float
        May be changed between steps, compiled ones too.

    Raises
    ------
    TypeError, ValueError
        If there are no parameters, one is not a leaf that requires a gradient, or the learning rate is not positive.
    """

    _checks: dict[str, Callable[[str, Any], float]] = {}  # by the name of a setting

    def __init__(self, parameters: Mapping[str, Tensor] | Iterable[Tensor], learning_rate: float) -> None:
        if isinstance(parameters, Tensor) or not isinstance(parameters, Iterable):
            refuse_parameters(parameters)
        values = parameters.values() if isinstance(parameters, Mapping) else parameters
        self.parameters: tuple[Tensor, ...] = tuple(values)  # to which none can be added, that would not be followed
        if not self.parameters:
            raise ValueError("there are no parameters to update")
        for i, p in enumerate(self.parameters):
            if not isinstance(p, Tensor):
                raise TypeError(f"parameter {i} is {type(p).__name__}, not a Tensor")
            if not (p.requires_grad and p.is_leaf):
                raise ValueError(
                    f"parameter {i} ({p.describe()}) is not one that can be learned: parameters are made with "
                    "Tensor(..., requires_grad=True), not computed"
                )
            if any(p is other for other in self.parameters[:i]):
                raise ValueError(f"parameter {i} ({p.describe()}) is given twice, and would be updated twice")
        # an array for each dtype, in memory that a compiled step reads anew each time
        by_dtype = {p.dtype: np.empty((), p.dtype) for p in self.parameters}
        self._rates = [by_dtype[p.dtype] for p in self.parameters]
        self.learning_rate = learning_rate

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, self._checks[name](name, value) if name in self._checks else value)

    @property
    def learning_rate(self) -> float:
        """How far a step goes along the gradient."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        value = positive("learning_rate", value)
        for rate in self._rates:
            if not 0 < rate.dtype.type(value) < np.inf:
                raise ValueError(f"learning_rate={value:g} is {rate.dtype.type(value)} in the {rate.dtype} of a parameter")
        self._learning_rate = value
        for rate in self._rates:
            rate[...] = value

    def step(self) -> None:
        """Update every parameter that has a gradient.

        Raises
        ------
        RuntimeError
            If none has.
        """
        raise NotImplementedError(f"{type(self).__name__} is no optimizer yet: take GradientDescent or Adam, or define step")

    def zero_grad(self) -> None:
        """Forget the gradients, which `backward` would add to."""
        for p in self.parameters:
            p.zero_grad()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.parameters)} parameters, learning_rate={self.learning_rate:g})"


def refuse_parameters(parameters: Any) -> NoReturn:
    help = ""
    if isinstance(parameters, Tensor):
        help = "; write [w] for a single one"
    elif hasattr(parameters, "parameters"):
        help = "; write net.parameters()"
    elif callable(parameters):
        help = "; call it, as in net.parameters()"
    raise TypeError(f"parameters is a dict or a list of Tensors, not {type(parameters).__name__}{help}")


def zeros_like(parameters: Iterable[Tensor]) -> list[Tensor]:
    return [Tensor(np.zeros_like(p.data)) for p in parameters]


def refuse_step() -> NoReturn:
    raise RuntimeError("there are no gradients to follow: call backward() on the cost before step()")


class GradientDescent(Optimizer):
    """w_new = w_old − learning_rate · ∂C/∂w, the chapter's update.

    Parameters
    ----------
    parameters : dict by name, or iterable of Tensor
    learning_rate : float

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import GradientDescent
    >>> w = ag.Tensor([1.0, 2.0], requires_grad=True)
    >>> descent = GradientDescent([w], learning_rate=0.25)
    >>> (w**2).sum().backward()
    >>> descent.step()
    >>> w.data
    array([0.5, 1. ])
    """

    def step(self) -> None:
        stepped = False
        for p, rate in zip(self.parameters, self._rates):
            gradient = p.grad
            if gradient is not None:
                p.data -= rate * gradient
                stepped = True
        if not stepped:
            refuse_step()


class Momentum(Optimizer):
    """v_new = momentum · v_old − learning_rate · ∂C/∂w, w_new = w_old + v_new (Nielsen, ch. 3).

    Parameters
    ----------
    parameters : dict by name, or iterable of Tensor
    learning_rate : float
    momentum : float
        From 0, which is gradient descent, to less than 1.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import Momentum
    >>> w = ag.Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Momentum([w], learning_rate=0.25, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w**2).sum().backward()
    ...     optimizer.step()
    >>> w.data
    array([0., 0.])
    """

    _checks = {"momentum": fraction}

    def __init__(
        self, parameters: Mapping[str, Tensor] | Iterable[Tensor], learning_rate: float, *, momentum: float = 0.9
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.momentum = momentum
        self._velocities = zeros_like(self.parameters)

    def step(self) -> None:
        momentum = self.momentum
        stepped = False
        for p, rate, v in zip(self.parameters, self._rates, self._velocities):
            gradient = p.grad
            if gradient is not None:
                v.data *= momentum
                v.data -= rate * gradient
                p.data += v.data
                stepped = True
        if not stepped:
            refuse_step()


class Adam(Optimizer):
    """Steps whose size does not depend on the scale of the gradient (Kingma and Ba, 2015, algorithm 1).

    Running means m of the gradient and v of its square, started at 0 and corrected for that, give
    w_new = w_old − learning_rate · m / (√v + epsilon).

    Parameters
    ----------
    parameters : dict by name, or iterable of Tensor
    learning_rate : float
    beta1, beta2 : float
        How much of the two means is kept at a step.
    epsilon : float

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from nets import Adam
    >>> w = ag.Tensor([1.0, 2.0], requires_grad=True)
    >>> (w**2).sum().backward()
    >>> Adam([w], learning_rate=0.1).step()
    >>> w.data.round(6)
    array([0.9, 1.9])
    """

    _checks = {"beta1": fraction, "beta2": fraction, "epsilon": positive}

    def __init__(
        self,
        parameters: Mapping[str, Tensor] | Iterable[Tensor],
        learning_rate: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self._means = zeros_like(self.parameters)
        self._squares = zeros_like(self.parameters)
        self._powers = Tensor([1.0, 1.0])  # beta1ᵗ and beta2ᵗ after t steps

    def step(self) -> None:
        if all(p.grad is None for p in self.parameters):
            refuse_step()
        beta1, beta2 = self.beta1, self.beta2
        self._powers.data *= np.array([beta1, beta2])
        corrections = 1 - self._powers.data
        dtypes = dict.fromkeys(p.dtype for p in self.parameters)
        of_dtype = {dtype: tuple(corrections.astype(dtype)) for dtype in dtypes}
        for p, rate, m, v in zip(self.parameters, self._rates, self._means, self._squares):
            gradient = p.grad
            if gradient is not None:
                m.data *= beta1
                m.data += (1 - beta1) * gradient
                v.data *= beta2
                v.data += (1 - beta2) * gradient * gradient
                of_mean, of_square = of_dtype[p.dtype]
                p.data -= rate * (m.data / of_mean) / (np.sqrt(v.data / of_square) + self.epsilon)

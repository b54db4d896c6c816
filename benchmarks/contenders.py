"""One training step of the two-layer network, written for each library in its own best manner.

    z1 = w1 x + b1    a1 = σ(z1)    z2 = w2 a1 + b2    a2 = σ(z2)    C = ½ Σ (y − a2)²

Every contender starts from the same numbers and makes the same step: the cost, its gradients with respect to w1, b1,
w2 and b2, and p ← p − LEARNING_RATE · ∂C/∂p. What differs is who derives the gradients. Each uses the fastest public
functions of its library that we know of, and nothing that its users would not write. x and y are handed to every
step, as in a loop over batches, in the library's own kind of array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from math import exp
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as ag
import nets
from benchmarks.timing import Task

Array = np.ndarray[Any, Any]
Shape = tuple[int, int, int, int]

SHAPES: tuple[Shape, ...] = (3, 4, 1, 4), (784, 30, 10, 10), (64, 32, 10, 32), (784, 100, 10, 128), (784, 1024, 10, 512)
LEARNING_RATE = 1e-3
HAND = "hand"


class Start(NamedTuple):
    """The numbers that all contenders start from."""

    w1: Array
    b1: Array
    w2: Array
    b2: Array
    x: Array
    y: Array

    @classmethod
    def random(cls, shape: Shape, dtype: str) -> Start:
        """Parameters of standard deviation 0.1, standard normal inputs, targets between 0 and 1."""
        n0, n1, n2, batch = shape
        rng = np.random.default_rng(0)
        parameters = [0.1 * rng.standard_normal(s) for s in ((n1, n0), (n1, 1), (n2, n1), (n2, 1))]
        x, y = rng.standard_normal((n0, batch)), rng.random((n2, batch))
        return cls(*(a.astype(dtype) for a in (*parameters, x, y)))

    def parameters(self) -> list[Array]:
        """Copies of w1, b1, w2 and b2, for a contender to change."""
        return [a.copy() for a in self[:4]]

    def network(self) -> nets.TwoLayerNet:
        """A network of `nets` with these parameters."""
        net = nets.TwoLayerNet(len(self.x), len(self.w1), len(self.y), dtype=self.x.dtype)
        for name, p in net.parameters().items():
            p.data = getattr(self, name)
        return net


class Contender(NamedTuple):
    """A training step that is ready to run.

    Attributes
    ----------
    step : callable
        ``step(x, y)`` updates the parameters and returns the cost before the update.
    batch : (x, y)
        In the library's own kind of array.
    parameters : callable
        Gives w1, b1, w2 and b2 as arrays.
    wait : callable
        Returns when all steps are done, for a library that computes in the background.
    """

    step: Callable[[Any, Any], Any]
    batch: tuple[Any, Any]
    parameters: Callable[[], Sequence[Array]]
    wait: Callable[[], Any] = lambda: None

    def task(self) -> Task:
        return Task(self.step, self.batch, self.wait)


Maker = Callable[[Start], Contender]


class Entry(NamedTuple):
    """How to make a contender, the package that it needs, and whether it computes with one number at a time."""

    make: Maker
    package: str
    scalars: bool


ENTRIES: dict[str, Entry] = {}


def contender(label: str, package: str = "numpy", *, scalars: bool = False) -> Callable[[Maker], Maker]:
    """Enter the decorated function into the race; it takes part where `package` is installed."""

    def enter(make: Maker) -> Maker:
        ENTRIES[label] = Entry(make, package, scalars)
        return make

    return enter


def ready(start: Start, labels: Iterable[str]) -> dict[str, Contender]:
    """Those of the `labels` that are installed and made for the size and dtype of `start`."""
    few_numbers = start.x.size < 100 and start.x.dtype == float
    return {
        label: ENTRIES[label].make(start)
        for label in labels
        if find_spec(ENTRIES[label].package) and (few_numbers or not ENTRIES[label].scalars)
    }


def check_agreement(start: Start, contenders: Mapping[str, Contender], steps: int = 5) -> None:
    """Let all make the same `steps`, and compare their costs and how far they moved each parameter with `hand`.

    The way that a parameter moved is compared, not where it is: with a small learning rate, it would be in nearly
    the same place whatever the gradient.

    Raises
    ------
    AssertionError
        Names the contender and what differs by how much, relative to the largest entry.
    """
    tolerance = 1e-9 if start.x.dtype == float else 2e-3
    expected: list[Array] = []
    for label, (step, batch, parameters, _) in contenders.items():
        costs = [step(*batch) for _ in range(steps)]
        moved = [np.array(p) - p0 for p, p0 in zip(parameters(), start)]
        found = [np.array([c.item() if isinstance(c, ag.Tensor) else float(c) for c in costs]), *moved]
        expected = expected or found
        for name, a, b in zip(("cost", *start._fields), expected, found):
            error = np.max(np.abs(a - b)) / np.max(np.abs(a))
            if not (a.shape == b.shape and error < tolerance):
                raise AssertionError(f"{label}: {name} differs from that of hand by {error:.1e} after {steps} steps")


# By hand ------------------------------------------------------------------------------------------------------


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def cost_of(parameters: Sequence[Any], x: Any, y: Any, sigmoid: Callable[[Any], Any]) -> Any:
    """The cost in operators, which nearly all libraries have."""
    w1, b1, w2, b2 = parameters
    a1 = sigmoid(w1 @ x + b1)
    a2 = sigmoid(w2 @ a1 + b2)
    return 0.5 * ((y - a2) ** 2).sum()


@contender(HAND)
def by_hand(start: Start) -> Contender:
    """Eq 3, Eq 5 and their bias forms as one writes them in NumPy: the measure of all others."""
    w1, b1, w2, b2 = start.parameters()

    def step(x: Array, y: Array) -> Any:
        a1 = sigmoid(w1 @ x + b1)
        a2 = sigmoid(w2 @ a1 + b2)
        cost = 0.5 * np.sum((y - a2) ** 2)
        dz2 = (a2 - y) * (a2 * (1 - a2))
        dw2 = dz2 @ a1.T
        db2 = dz2.sum(axis=1, keepdims=True)
        dz1 = (w2.T @ dz2) * (a1 * (1 - a1))
        dw1 = dz1 @ x.T
        db1 = dz1.sum(axis=1, keepdims=True)
        for p, dp in (w1, dw1), (b1, db1), (w2, dw2), (b2, db2):
            p -= LEARNING_RATE * dp
        return cost

    return Contender(step, (start.x, start.y), lambda: (w1, b1, w2, b2))


@contender("hand, preallocated")
def by_hand_preallocated(start: Start) -> Contender:
    """The same with every intermediate result in a buffer that is allocated once."""
    w1, b1, w2, b2 = start.parameters()
    dw1, db1, dw2, db2 = start.parameters()
    a1 = np.empty((len(w1), start.x.shape[1]), w1.dtype)
    a2 = np.empty_like(start.y)
    slope1, dz1 = np.empty_like(a1), np.empty_like(a1)
    slope2, dz2, v = np.empty_like(a2), np.empty_like(a2), np.empty_like(a2)

    def layer(w: Array, x: Array, b: Array, a: Array, slope: Array) -> None:
        np.dot(w, x, out=a)
        a += b
        np.negative(a, out=a)
        np.exp(a, out=a)
        a += 1
        np.reciprocal(a, out=a)
        np.subtract(1, a, out=slope)
        slope *= a

    def step(x: Array, y: Array) -> Any:
        layer(w1, x, b1, a1, slope1)
        layer(w2, a1, b2, a2, slope2)
        np.subtract(a2, y, out=v)
        np.multiply(v, v, out=dz2)
        cost = 0.5 * dz2.sum()
        np.multiply(v, slope2, out=dz2)
        np.dot(dz2, a1.T, out=dw2)
        dz2.sum(axis=1, keepdims=True, out=db2)
        np.dot(w2.T, dz2, out=dz1)
        np.multiply(dz1, slope1, out=dz1)
        np.dot(dz1, x.T, out=dw1)
        dz1.sum(axis=1, keepdims=True, out=db1)
        for p, dp in (w1, dw1), (b1, db1), (w2, dw2), (b2, db2):
            dp *= LEARNING_RATE
            p -= dp
        return cost

    return Contender(step, (start.x, start.y), lambda: (w1, b1, w2, b2))


# autograd_lite ------------------------------------------------------------------------------------------------


@contender("eager, nets")
def eager(start: Start) -> Contender:
    """A network and an optimizer of `nets`."""
    net = start.network()
    parameters = net.parameters()
    descent = nets.GradientDescent(parameters, LEARNING_RATE)

    def step(x: Array, y: Array) -> Any:
        cost = net.cost(x, y)
        descent.zero_grad()
        cost.backward()
        descent.step()
        return cost

    return Contender(step, (start.x, start.y), lambda: [p.data for p in parameters.values()])


@contender("eager, operators")
def operators(start: Start) -> Contender:
    """Tensors and their operators alone."""
    parameters = [ag.Tensor(p, requires_grad=True) for p in start[:4]]

    def step(x: ag.Tensor, y: ag.Tensor) -> Any:
        cost = cost_of(parameters, x, y, ag.sigmoid)
        cost.backward()
        for p in parameters:
            p.data -= LEARNING_RATE * p.grad
            p.zero_grad()
        return cost

    return Contender(step, (ag.Tensor(start.x), ag.Tensor(start.y)), lambda: [p.data for p in parameters])


@contender("compiled")
def compiled(start: Start) -> Contender:
    """The step of "eager, nets", recorded once and replayed."""
    contender = eager(start)
    return contender._replace(step=ag.compile(contender.step))


# Other libraries ----------------------------------------------------------------------------------------------


@contender("PyTorch", "torch")
def pytorch(start: Start) -> Contender:
    """Fused functions. With modules and an optimizer, the smallest step takes PyTorch 1.7 times as long."""
    import torch

    w1, b1, w2, b2 = parameters = [torch.from_numpy(p).requires_grad_() for p in start.parameters()]
    squared_error = torch.nn.functional.mse_loss

    def step(x: Any, y: Any) -> Any:
        a1 = torch.sigmoid(torch.addmm(b1, w1, x))
        a2 = torch.sigmoid(torch.addmm(b2, w2, a1))
        cost = 0.5 * squared_error(a2, y, reduction="sum")
        gradients = torch.autograd.grad(cost, parameters)
        with torch.no_grad():
            for p, dp in zip(parameters, gradients):
                p.sub_(dp, alpha=LEARNING_RATE)
        return cost.detach()

    batch = torch.from_numpy(start.x), torch.from_numpy(start.y)
    return Contender(step, batch, lambda: [p.detach().numpy() for p in parameters])


def configured_jax() -> Any:
    """JAX in double precision, and without the hand-over to another thread, which costs it up to 30 % here."""
    import jax

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    return jax


@contender("JAX, jit", "jax")
def jax_jit(start: Start) -> Contender:
    """A jitted pure function; the new parameters may use the memory of the old ones."""
    jax = configured_jax()
    jnp = jax.numpy
    parameters = tuple(jnp.array(p) for p in start[:4])

    def updated(parameters: Any, x: Any, y: Any) -> Any:
        cost, gradients = jax.value_and_grad(cost_of)(parameters, x, y, jax.nn.sigmoid)
        return cost, tuple(p - LEARNING_RATE * dp for p, dp in zip(parameters, gradients))

    update = jax.jit(updated, donate_argnums=0)

    def step(x: Any, y: Any) -> Any:
        nonlocal parameters
        cost, parameters = update(parameters, x, y)
        return cost

    return Contender(
        step,
        (jnp.array(start.x), jnp.array(start.y)),
        parameters=lambda: [np.asarray(p) for p in parameters],
        wait=lambda: jax.block_until_ready(parameters),
    )


def sigmoid_of_hips() -> Callable[[Any], Any]:
    """σ in the functions that HIPS autograd can differentiate."""
    import autograd.numpy as anp

    return lambda z: 1 / (1 + anp.exp(-z))


@contender("HIPS autograd", "autograd")
def hips_autograd(start: Start) -> Contender:
    import autograd

    parameters = tuple(start.parameters())
    sigmoid = sigmoid_of_hips()
    cost_and_gradients = autograd.value_and_grad(cost_of)

    def step(x: Array, y: Array) -> Any:
        cost, gradients = cost_and_gradients(parameters, x, y, sigmoid)
        for p, dp in zip(parameters, gradients):
            p -= LEARNING_RATE * dp
        return cost

    return Contender(step, (start.x, start.y), lambda: parameters)


@contender("MyGrad", "mygrad")
def mygrad(start: Start) -> Contender:
    """Without the guard against writing to arrays in use, which MyGrad's manual says to turn off for speed."""
    import mygrad as mg
    from mygrad.nnet.activations import sigmoid

    mg.turn_memory_guarding_off()
    parameters = [mg.tensor(p) for p in start[:4]]

    def step(x: Array, y: Array) -> Any:
        cost = cost_of(parameters, x, y, sigmoid)
        cost.backward()
        for p in parameters:
            p.data -= LEARNING_RATE * p.grad
        return cost.data

    return Contender(step, (start.x, start.y), lambda: [p.data for p in parameters])


@contender("SmallPebble", "smallpebble")
def smallpebble(start: Start) -> Contender:
    import smallpebble as sp

    w1, b1, w2, b2 = parameters = [sp.Variable(p) for p in start.parameters()]
    one, half = (sp.Variable(np.array(c, start.x.dtype)) for c in (1, 0.5))

    def sigmoid(z: Any) -> Any:
        return one / (one + sp.exp(-z))

    def step(x: Any, y: Any) -> Any:
        a1 = sigmoid(sp.matmul(w1, x) + b1)
        a2 = sigmoid(sp.matmul(w2, a1) + b2)
        cost = half * sp.sum(sp.square(y - a2))
        gradients = sp.get_gradients(cost)
        for p in parameters:
            p.array -= LEARNING_RATE * gradients[p]
        return cost.array

    return Contender(step, (sp.Variable(start.x), sp.Variable(start.y)), lambda: [p.array for p in parameters])


@contender("micrograd", "micrograd", scalars=True)
def micrograd(start: Start) -> Contender:
    """Scalars in lists, a sample at a time; σ, which micrograd lacks, written the way in which it writes ReLU."""
    from micrograd.engine import Value

    w1, b1, w2, b2 = nested = [[[Value(v) for v in row] for row in p.tolist()] for p in start[:4]]
    parameters = [v for p in nested for row in p for v in row]

    def sigmoid(z: Any) -> Any:
        out = Value(1 / (1 + exp(-z.data)), (z,), "σ")

        def _backward() -> None:
            z.grad += out.data * (1 - out.data) * out.grad

        out._backward = _backward
        return out

    def layer(w: Any, b: Any, a: Any) -> list[Any]:
        return [sigmoid(sum((w_ij * a_j for w_ij, a_j in zip(w_i, a)), b_i)) for w_i, [b_i] in zip(w, b)]

    def step(x: Any, y: Any) -> Any:
        a2 = [layer(w2, b2, layer(w1, b1, sample)) for sample in x]
        cost = 0.5 * sum((y_j - a_j) ** 2 for target, a in zip(y, a2) for y_j, a_j in zip(target, a))
        for p in parameters:
            p.grad = 0
        cost.backward()
        for p in parameters:
            p.data -= LEARNING_RATE * p.grad
        return cost.data

    samples = start.x.T.tolist(), start.y.T.tolist()
    return Contender(step, samples, lambda: [np.array([[v.data for v in row] for row in p]) for p in nested])

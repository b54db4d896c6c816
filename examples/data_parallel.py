"""One network trained by several processes, on one machine or on many: each computes a share of every batch.

    pip install mpi4py mpich
    mpiexec -n 2 python examples/data_parallel.py

The cost is a sum over samples, so the gradients of the shares add up to that of the batch: one sum over all ranks, of one
flat array, between the backward pass and the update. All ranks then take the same step.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from common import parse, parser

from autograd_lite.nets import TwoLayerNet, train


def adder(world: Any) -> Callable[[dict[str, Any]], None]:
    """The hook for `train`: the gradients of all ranks in place of one's own."""

    def add_up(parameters: dict[str, Any]) -> None:
        flat = np.concatenate([p.grad.ravel() for p in parameters.values()])
        total = np.empty_like(flat)
        world.Allreduce(flat, total)
        ends = np.cumsum([p.size for p in parameters.values()])
        for p, part in zip(parameters.values(), np.split(total, ends[:-1])):
            p.grad = part.reshape(p.shape)

    return add_up


def samples(n: int, seed: int) -> tuple[Any, Any]:
    """Points in a cube, and on which side of a curved surface they lie."""
    x = np.random.default_rng(seed).uniform(-1, 1, (3, n))
    return x, (np.sin(3 * x[0]) + x[1] ** 2 > x[2])[None] * 1.0


def run(options: Any, world: Any) -> None:
    x, y = samples(1000, options.seed)
    rank, size = world.Get_rank(), world.Get_size()
    settings: dict[str, Any] = {"epochs": options.epochs, "batch_size": 25, "learning_rate": 0.1, "seed": options.seed}
    net = TwoLayerNet(3, 16, 1, seed=options.seed)
    history = train(
        net, x, y, **settings, progress=rank == 0, share=(rank, size), before_update=adder(world)
    )
    if rank == 0:
        alone = TwoLayerNet(3, 16, 1, seed=options.seed)
        train(alone, x, y, **settings, progress=False)
        off = max(
            float(np.max(np.abs(p.data - q.data)))
            for p, q in zip(net.parameters().values(), alone.parameters().values())
        )
        print(f"{size} ranks: {history}")
        print(f"largest difference from the parameters of a single process: {off:.1e}")
        if not off < 1e-9:
            sys.exit("which is more than rounding")


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(parser("Train one network in several processes.", 20, "mpi4py", writes=None), arguments)
    from mpi4py import MPI

    try:
        run(options, MPI.COMM_WORLD)
    except BaseException:  # the others would wait for this rank forever
        traceback.print_exc()
        sys.stderr.flush()
        MPI.COMM_WORLD.Abort(1)
        raise


if __name__ == "__main__":
    main()

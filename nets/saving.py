"""Networks in files: one npz archive of the parameters, with a description of the network. Nothing is pickled, so
loading a file from someone else runs no code of theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile
from zlib import error as ZlibError

import numpy as np

from nets.layers import MLP, Layer, Linear, ReLU, Sequential, Sigmoid, Softmax, Tanh
from nets.two_layer import TwoLayerNet

FORMAT = "autograd_lite network 1"
ACTIVATIONS: dict[str, type[Layer]] = {layer.__name__: layer for layer in (Sigmoid, Tanh, ReLU, Softmax)}


def save(net: TwoLayerNet | Sequential, path: str | PathLike[str]) -> Path:
    """Write a network to a file, which `load` reads.

    Parameters
    ----------
    net : TwoLayerNet, MLP or Sequential
    path : str or path
        Used as it stands; ``.npz`` is the customary suffix.

    Returns
    -------
    Path

    Raises
    ------
    TypeError
        If the network is of another kind, or holds a layer that is not one of this package.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from nets import TwoLayerNet, load, save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load(save(TwoLayerNet(3, 4, 1, seed=0), f"{folder}/net.npz"))
    TwoLayerNet(3, 4, 1)
    """
    description = json.dumps({"format": FORMAT, **describe(net)})
    arrays: dict[str, Any] = {name: p.data for name, p in net.parameters().items()}
    file = BytesIO()
    np.savez(file, network=np.array(description), **arrays)
    path = Path(path)
    path.write_bytes(file.getvalue())
    return path


def load(path: str | PathLike[str]) -> TwoLayerNet | Sequential:
    """Read a network that `save` has written.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    TwoLayerNet, MLP or Sequential
        Of the same kind, dtype and parameters as the one that was saved.

    Raises
    ------
    ValueError
        If the file was not written by `save`, or is damaged.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from nets import TwoLayerNet, load, save
    >>> with TemporaryDirectory() as folder:
    ...     path = save(TwoLayerNet(3, 4, 1), Path(folder) / "net.npz")
    ...     net = load(path)
    >>> net
    TwoLayerNet(3, 4, 1)
    """
    content = BytesIO(Path(path).read_bytes())
    try:
        if not is_zipfile(content):
            raise ValueError("it is not an npz archive")
        arrays = dict(np.load(content, allow_pickle=False))
        description = json.loads(str(arrays.pop("network")))
        if description["format"] != FORMAT:
            raise ValueError(f"its format is {description['format']!r}, not {FORMAT!r}")
        net = build(description)
        parameters = net.parameters()
        if set(parameters) != set(arrays):
            raise ValueError(f"it holds {', '.join(arrays)}, but the network has {', '.join(parameters)}")
        for name, p in parameters.items():
            p.data = arrays[name]
    except (ValueError, TypeError, KeyError, EOFError, BadZipFile, ZlibError) as error:
        raise ValueError(f"{path} is not a network that nets.save has written, or it is damaged: {error}") from error
    return net


# Networks as descriptions ---------------------------------------------------------------------------------------


def describe(net: Any) -> dict[str, Any]:
    """What `build` needs to make a network of the same structure, in the types that JSON has."""
    if type(net) is TwoLayerNet:
        return {"kind": "TwoLayerNet", "sizes": net.sizes, "bias": net.b1 is not None, "dtype": net.dtype.str}
    if type(net) is MLP:
        return {
            "kind": "MLP",
            "sizes": net.sizes,
            "hidden": describe_activation(net.hidden),
            "output": describe_activation(net.output),
            "bias": net.bias,
            "dtype": net.dtype.str,
        }
    if type(net) is Sequential:
        return {"kind": "Sequential", "layers": [describe_layer(x) for x in net.layers], "dtype": net.dtype.str}
    raise TypeError(f"only TwoLayerNet, MLP and Sequential can be saved, not {type(net).__name__}")


def describe_activation(activation: type[Layer] | None) -> str | None:
    if activation is not None and ACTIVATIONS.get(activation.__name__) is not activation:
        raise TypeError(f"a network with {activation.__name__} cannot be saved: it is not a layer of this package")
    return None if activation is None else activation.__name__


def describe_layer(layer: Layer) -> Any:
    if type(layer) is Linear:
        return [layer.n_inputs, layer.n_outputs, layer.b is not None]
    return describe_activation(type(layer))


def build(description: dict[str, Any]) -> TwoLayerNet | Sequential:
    """The network of a description, not yet with its parameters."""
    kinds: dict[str, Callable[..., TwoLayerNet | Sequential]] = {
        "TwoLayerNet": lambda sizes, **options: TwoLayerNet(*sizes, **options),
        "MLP": lambda hidden, output, **options: MLP(
            hidden=hidden and ACTIVATIONS[hidden], output=output and ACTIVATIONS[output], **options
        ),
        "Sequential": lambda layers, dtype: Sequential(*[build_layer(layer, dtype) for layer in layers]),
    }
    return kinds[description["kind"]](**{k: v for k, v in description.items() if k not in ("format", "kind")})


def build_layer(layer: Any, dtype: str) -> Layer:
    if isinstance(layer, str):
        return ACTIVATIONS[layer]()
    n_inputs, n_outputs, bias = layer
    return Linear(n_inputs, n_outputs, bias=bias, dtype=dtype)

"""Networks in files: one npz archive of the parameters, with a description of the network. Nothing is pickled, so
loading a file from someone else runs no code of theirs; and nothing is made of it before names and sizes agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np

import autograd_lite as ag

from .layers import ACTIVATIONS, MLP, Layer, Linear, Sequential
from .two_layer import TwoLayerNet

FORMAT = "autograd_lite network 1"
LAYERS: dict[str, type[Layer]] = {layer.__name__: layer for layer in ACTIVATIONS.values() if layer}


def save(net: TwoLayerNet | Sequential, path: str | PathLike[str]) -> Path:
    """Write a network to a file, which `load` reads.

    The file is written beside and then put in place: whatever happens, there is the old one or the new one.

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
    ValueError
        If a parameter was replaced by one that does not fit the network, or there is one more or less.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from nets import TwoLayerNet, load, save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(TwoLayerNet(3, 4, 1, seed=0), f"{folder}/net.npz")
    ...     print(path.name, load(path).sizes)
    net.npz (3, 4, 1)
    """
    description = describe(net)
    arrays: dict[str, Any] = {name: p.data for name, p in net.parameters().items()}
    expected = shapes(description)
    if others := ", ".join(name for name in arrays if name not in expected):
        raise ValueError(f"the network was made without {others}: a file of it could not be read")
    for name, shape in expected.items():
        a = arrays.get(name)
        if a is None or a.shape != shape or a.dtype != net.dtype:
            found = "is missing" if a is None else f"has shape {a.shape} and dtype {a.dtype}"
            raise ValueError(
                f"{name} {found}, but the network was made with {shape} and {net.dtype}: a file of it could not be read"
            )
    file = BytesIO()
    np.savez(file, network=np.array(json.dumps({"format": FORMAT, **description})), **arrays)
    return ag.write_file(path, file.getvalue())


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
        If the file was not written by `save`, or is damaged. Nothing of its code is run, and no more memory is taken
        than the file has bytes, a few times.
    OSError
        If it cannot be read.
    TypeError
        If `path` is no path: a number would name a stream that somebody else has open.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from nets import TwoLayerNet, load, save
    >>> with TemporaryDirectory() as folder:
    ...     path = save(TwoLayerNet(3, 4, 1), Path(folder) / "net.npz")
    ...     net = load(path)
    >>> net.sizes
    (3, 4, 1)
    """
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"path is where the file stands, a string or a pathlib.Path, not {path!r}")
    with open(path, "rb") as stream:  # the only line that raises OSError
        content = BytesIO(stream.read())
    try:
        return read(content)
    except Exception as error:  # whatever zip, json and NumPy say to bytes that are no network
        # one line, of a message that may hold anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f"{path} is not a network that nets.save has written, or it is damaged: {reason}") from error


def read(content: BytesIO) -> TwoLayerNet | Sequential:
    """The network of an archive. What it says of names and sizes is held against the bytes before any is unpacked."""
    with ZipFile(content) as archive:
        members = {member.filename: member for member in archive.infolist()}
        for member in members.values():
            if member.compress_type != ZIP_STORED or member.flag_bits & 1:
                raise ValueError(f"{member.filename} is compressed or encrypted, which nets.save does not do")
        description = json.loads(str(array_of(archive, "network.npy", (), None)))
        if not isinstance(description, dict):
            raise ValueError("its description is not a dict")
        if description.get("format") != FORMAT:
            raise ValueError(f"its format is {description.get('format')!r}, not {FORMAT!r}")
        expected = shapes(description)
        if {f"{name}.npy" for name in expected} != members.keys() - {"network.npy"}:
            raise ValueError(f"it holds {', '.join(members)}, but the network has {', '.join(expected)}")
        dtype = np.dtype(description["dtype"])
        arrays = {name: array_of(archive, f"{name}.npy", shape, dtype) for name, shape in expected.items()}
    net = build(description)
    for name, p in net.parameters().items():
        p.data = arrays[name]
    return net


def array_of(archive: ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype[Any] | None) -> Any:
    """The array of a member, if it is of that shape and dtype: text, without one."""
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"{name} is of npy version {version}")
        found_shape, fortran, found = np.lib.format.read_array_header_1_0(stream)
        if found_shape != shape or (found.kind != "U" if dtype is None else found != dtype):
            raise ValueError(
                f"{name} has shape {found_shape} and dtype {found}, expected {shape} and {dtype or 'text'}"
            )
        data = stream.read()
    count = int(np.prod(shape, dtype=object))
    if len(data) != count * found.itemsize:
        raise ValueError(f"{name} has {len(data)} bytes, not {count * found.itemsize}")
    return np.frombuffer(data, found).reshape(shape, order="F" if fortran else "C").copy()


# Networks as descriptions ---------------------------------------------------------------------------------------


def describe(net: Any) -> dict[str, Any]:
    """What `build` needs to make a network of the same structure, in the types that JSON has."""
    if type(net) not in (TwoLayerNet, MLP, Sequential):
        raise TypeError(f"only TwoLayerNet, MLP and Sequential can be saved, not {type(net).__name__}")
    description: dict[str, Any] = {"kind": type(net).__name__, "dtype": net.dtype.str}
    if net.rows:
        description["samples"] = net.samples
    if type(net) is TwoLayerNet:
        return description | {"sizes": net.sizes, "bias": net.b1 is not None}
    if net.name:
        description["name"] = net.name
    if type(net) is MLP:
        hidden, output = describe_activation(net.hidden), describe_activation(net.output)
        return description | {"sizes": net.sizes, "hidden": hidden, "output": output, "bias": net.bias}
    description["layers"] = [describe_layer(x) for x in net.layers]
    return description | ({"prefixes": net.prefixes} if any(net.prefixes) else {})


def describe_activation(activation: type[Layer] | None) -> str | None:
    if activation is not None and LAYERS.get(activation.__name__) is not activation:
        raise TypeError(f"a network with {activation.__name__} cannot be saved: it is not a layer of this package")
    return None if activation is None else activation.__name__


def describe_layer(layer: Layer) -> Any:
    if type(layer) is Linear:
        return [layer.n_inputs, layer.n_outputs, layer.b is not None]
    return describe_activation(type(layer))


def shapes(description: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shape of each parameter, without making the network."""
    prefixes = description.get("prefixes")
    if "layers" in description:
        layers = description["layers"]
    else:
        sizes, bias = description["sizes"], description["bias"]
        layers = [[n, m, bias] for n, m in zip(sizes, sizes[1:])]
    expected: dict[str, tuple[int, ...]] = {}
    counts: dict[str, int] = {}
    for layer, prefix in zip(layers, prefixes or [""] * len(layers), strict=True):
        if isinstance(layer, str) or layer is None:
            continue
        n_inputs, n_outputs, bias = layer
        if type(n_inputs) is not int or type(n_outputs) is not int or type(bias) is not bool:
            raise ValueError(f"a layer is described as {layer!r}, not by two sizes and whether there is a bias")
        counts[prefix] = number = counts.get(prefix, 0) + 1
        expected[f"{prefix}w{number}"] = (n_outputs, n_inputs)
        if bias:
            expected[f"{prefix}b{number}"] = (n_outputs, 1)
    return expected


def build(description: dict[str, Any]) -> TwoLayerNet | Sequential:
    """The network of a description, not yet with its parameters."""
    kinds: dict[str, Callable[..., TwoLayerNet | Sequential]] = {
        "TwoLayerNet": lambda sizes, **options: TwoLayerNet(*sizes, **options),
        "MLP": lambda hidden, output, **options: MLP(
            hidden=hidden and LAYERS[hidden], output=output and LAYERS[output], **options
        ),
        "Sequential": build_sequential,
    }
    options = {k: v for k, v in description.items() if k not in ("format", "kind")}
    return kinds[description["kind"]](**options)


def build_sequential(
    layers: list[Any],
    dtype: str,
    prefixes: list[str] | None = None,
    name: str | None = None,
    samples: str = "columns",
) -> Sequential:
    flat = [LAYERS[x]() if isinstance(x, str) else Linear(x[0], x[1], bias=x[2], dtype=dtype) for x in layers]
    net = Sequential.__new__(Sequential)
    net._compose(list(zip(flat, prefixes or [""] * len(flat), strict=True)), name, samples)
    return net

"""The reference: a page for each package, from the docstrings, and one of what becomes of NumPy's and SciPy's functions.

    python docs/reference.py FOLDER     # `make docs` puts them into the site
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Any

import numpy as np
import scipy.special

sys.path.insert(0, str(Path(__file__).parents[1]))

import autograd_lite  # noqa: E402
import autograd_lite.table.special  # noqa: E402
import nets  # noqa: E402
from autograd_lite.engine.refusals import instead_of  # noqa: E402
from autograd_lite.engine.tensor import TABLE, Tensor  # noqa: E402
from autograd_lite.table.numpy_functions import PLAIN_FUNCTIONS  # noqa: E402

PACKAGES = (autograd_lite, nets)
LIBRARIES: dict[str, ModuleType] = {"np": np, "np.linalg": np.linalg, "scipy.special": scipy.special}
DERIVATIVE, VALUES, REFUSED, NONE = "With a derivative", "Values alone", "Refused", "No Tensors"
ABOUT = {
    DERIVATIVE: "They are recorded, as a row of the table or as several.",
    VALUES: "Their results are truths, whole numbers, shapes, constants, text or files, which have no derivative.",
    REFUSED: "A Tensor whose gradient is wanted raises an error here, since its term of the gradient would be lost. `t.data` "
    "gives the values alone; in the place of some there is something else to write.",
    NONE: "They take sizes, orders, text, files or settings, and no values of which a derivative could be taken.",
}
INTO_ARRAYS = "asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray asmatrix bmat require row_stack".split()
"""Functions of NumPy that take arrays and are not handed to the engine."""


def call(name: str, thing: Any) -> str:
    """The call of a function, an argument a line where one line would be long."""
    try:
        signature = inspect.signature(thing)
    except ValueError:  # an exception, which takes what it will
        return f"{name}(...)"
    if next(iter(signature.parameters), "") == "self":
        signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", by_name(str(signature)))  # annotations are strings
    if len(name) + len(text) <= 88:
        return name + text
    inside, _, returned = text[1:].rpartition(")")
    return "\n".join([f"{name}(", *(f"    {part}," for part in arguments(inside)), f"){returned}"])


def by_name(text: str) -> str:
    """Classes and functions are shown by their names."""
    return re.sub(r"<(?:class '(?:\w+\.)*(\w+)'|function (\w+) at \w+)>", r"\1\2", text)


def arguments(text: str) -> Iterator[str]:
    """The arguments of a signature, which are parted by the commas outside of all brackets."""
    depth, start = 0, 0
    for i, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            yield text[start:i].strip()
            start = i + 1
    yield text[start:].strip()


def markdown(doc: str) -> str:
    """A docstring with the sections of numpydoc, as Markdown."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", doc, flags=re.MULTILINE)
    text = [escaped(parts[0])]
    for title, body in zip(parts[1::2], parts[2::2]):
        text.append(f"**{title}**")
        if title == "Examples":
            text.append(f"```pycon\n{body.strip()}\n```")
        elif title == "Notes":
            text.append(escaped(body))
        else:
            text += entries(body)
    return "\n\n".join(part.strip() for part in text if part.strip())


def entries(body: str) -> Iterator[str]:
    """The things of a section: a line for each, and what is said of it further in."""
    for entry in re.split(r"\n(?=\S)", body.strip()):
        head, _, said = entry.partition("\n")
        name, colon, kind = head.partition(" : ")
        first = f"`{name}`" + (f" : {escaped(kind)}" if colon else "")
        yield f"- {first}" + (f"\n\n{indent(escaped(inspect.cleandoc(said)), '    ')}" if said.strip() else "")


def escaped(text: str) -> str:
    """Text whose stars and angle brackets mean themselves; what stands in code is left alone."""
    pieces = re.split(r"(``.*?``|`.*?`)", text, flags=re.DOTALL)
    return "".join(piece if i % 2 else re.sub(r"([*<_])", r"\\\1", piece) for i, piece in enumerate(pieces))


def methods(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class, with those that it inherits from one written in Python."""
    for name, member in inspect.getmembers(kind):
        if not name.startswith("_") and (inspect.isfunction(member) or inspect.ismethod(member) or isinstance(member, property)):
            yield name, member


def page(package: Any) -> str:
    """What a package offers, in Markdown."""
    parts = [f"# {package.__name__}", markdown(inspect.getdoc(package) or "")]
    for name in sorted(package.__all__, key=str.lower):
        thing = getattr(package, name)
        parts.append(f"## {name}")
        if callable(thing):
            parts.append(f"```python\n{call(f'{package.__name__}.{name}', thing)}\n```")
        if callable(thing) or inspect.ismodule(thing):
            parts.append(markdown(inspect.getdoc(thing) or ""))
        else:
            parts.append(f"```python\n{name} = {by_name(repr(thing))}\n```")
        if isinstance(thing, type):
            for method, member in methods(thing):
                given = isinstance(member, property)
                parts.append(f"### {name}.{method}{'' if given else '()'}")
                parts += [] if given else [f"```python\n{call(method, member)}\n```"]
                parts.append(markdown(inspect.getdoc(member) or ""))
        elif inspect.ismodule(thing):
            for function in thing.__all__:
                member = getattr(thing, function)
                parts += [f"### {name}.{function}()", f"```python\n{call(function, member)}\n```"]
                parts.append(markdown(inspect.getdoc(member) or ""))
    return "\n\n".join(part for part in parts if part) + "\n"


def functions(library: str) -> Iterator[tuple[str, str]]:
    """What a library calls its functions, and what becomes of a Tensor that is handed to each."""
    for name in sorted(set(LIBRARIES[library].__all__)):
        function = getattr(LIBRARIES[library], name, None)
        if not callable(function) or isinstance(function, type):
            continue
        if function in PLAIN_FUNCTIONS or function is np.full_like:
            yield name, VALUES
        elif function in TABLE:
            yield name, DERIVATIVE
        elif isinstance(function, np.ufunc) or hasattr(function, "_implementation"):  # NumPy hands it to the engine
            yield name, REFUSED
        elif library == "scipy.special" or name in INTO_ARRAYS:
            yield name, tried(function)
        else:
            yield name, NONE


def tried(function: Any) -> str:
    """What becomes of a Tensor in a function that is written in Python: the engine sees what it calls, and not the function."""
    t = Tensor([0.25, 0.5], requires_grad=True)
    found = NONE
    for arguments in ((t,), ([[t]],), (t, 2), *((2,) * n + (t,) for n in range(1, 6))):
        try:
            result = function(*arguments)
        except Exception as error:  # of a number of arguments that it does not take, too
            found = REFUSED if "gradient" in str(error) else found
        else:
            if isinstance(result, Tensor) and result.requires_grad:
                return DERIVATIVE
    return found


def functions_page() -> str:
    """What becomes of a Tensor in each function of NumPy and of scipy.special, in Markdown."""
    parts = [
        "# Functions of NumPy and SciPy",
        f"What becomes of a Tensor in each function of NumPy {np.__version__} and of `scipy.special` {scipy.__version__}, read off "
        "the code. Where no gradient is wanted, the functions that refuse here run on the values. NumPy hands `np.array` and "
        "`np.full` on where they are given `like=t`.",
    ]
    for library in LIBRARIES:
        parts.append(f"## {library}")
        of: dict[str, list[str]] = {state: [] for state in ABOUT}
        for name, state in functions(library):
            of[state].append(name)
        for state, said in ABOUT.items():
            if of[state]:
                parts += [f"### {library}: {state.lower()}", said]
                by_advice: dict[str | None, list[str]] = {}
                for name in of[state]:
                    by_advice.setdefault(instead_of(f"{library}.{name}") if state == REFUSED else None, []).append(f"`{name}`")
                parts.append(", ".join(by_advice.pop(None, ())))
                rows = [f"| {', '.join(names)} | {escaped(str(advice))} |" for advice, names in by_advice.items()]
                parts += ["\n".join(["| function | instead |", "| --- | --- |", *rows])] if rows else []
    return "\n\n".join(part for part in parts if part) + "\n"


def pages() -> dict[str, str]:
    """The pages of the reference by their files."""
    return {f"{package.__name__}.md": page(package) for package in PACKAGES} | {"functions.md": functions_page()}


def main(arguments: Sequence[str]) -> None:
    if len(arguments) != 1:
        sys.exit(str(__doc__))
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)


if __name__ == "__main__":
    main(sys.argv[1:])

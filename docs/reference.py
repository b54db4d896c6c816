"""The reference, from the docstrings: a page for each package, with every public object and method and its arguments.

    python docs/reference.py FOLDER     # `make docs` puts them into the site
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import autograd_lite  # noqa: E402
import nets  # noqa: E402

PACKAGES = (autograd_lite, nets)


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


def main(arguments: Sequence[str]) -> None:
    if len(arguments) != 1:
        sys.exit(str(__doc__))
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        path = folder / f"{package.__name__}.md"
        path.write_text(page(package), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])

"""The reference, from the docstrings: a page for each package, with every public object and method and its arguments.

    python docs/reference.py site
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import autograd_lite  # noqa: E402
import nets  # noqa: E402


def signature(thing: Any) -> str:
    try:
        return str(inspect.signature(thing))
    except (TypeError, ValueError):
        return "(...)"


def methods(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class, and that it can be called, with those that it inherits."""
    for name, member in inspect.getmembers(kind):
        if inspect.isroutine(member) or isinstance(member, property):
            ours = (getattr(member, "fget", None) or member).__doc__ or isinstance(member, property)
            if not name.startswith("_") and (ours or inspect.isfunction(member)):
                yield name, member


def page(package: Any) -> str:
    """What a package offers, in Markdown."""
    parts = [f"# {package.__name__}", inspect.getdoc(package) or ""]
    for name in sorted(package.__all__, key=str.lower):
        thing = getattr(package, name)
        arguments = signature(thing) if callable(thing) else ""
        parts += [f"## {name}", f"```text\n{package.__name__}.{name}{arguments}\n```"]
        own = inspect.getdoc(thing) if callable(thing) or inspect.ismodule(thing) else repr(thing)
        parts.append(f"```text\n{own or ''}\n```")
        if isinstance(thing, type):
            for method, member in methods(thing):
                parts.append(f"### {name}.{method}{'' if isinstance(member, property) else '()'}")
                given = "" if isinstance(member, property) else signature(member)
                parts.append(f"```text\n{method}{given}\n\n{inspect.getdoc(member) or ''}\n```")
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str]) -> None:
    if len(arguments) != 1:
        sys.exit(str(__doc__))
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for package in (autograd_lite, nets):
        path = folder / f"{package.__name__}.md"
        path.write_text(page(package), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])

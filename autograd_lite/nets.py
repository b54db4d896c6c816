"""`nets` under a name that nobody else has: ``from autograd_lite.nets import MLP``.

There is another package nets on the Python Package Index, and a ``nets.py`` in the folder of a program hides ours. Here
it is found by its place, beside this package; where something else lies there, one line says so.
"""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nets import *  # noqa: F401, F403

PLACE = Path(__file__).resolve().parents[1] / "nets" / "__init__.py"
MARK = '"""Networks on top of autograd_lite'  # how ours begins


def leads_here() -> bool:
    """Whether the name ``nets`` leads to the package; found out without running what it leads to, which may be a program."""
    try:
        spec = find_spec("nets")
    except ValueError:  # a module made by hand is in that place
        return False
    return spec is not None and spec.origin is not None and Path(spec.origin).resolve() == PLACE


def find() -> ModuleType:
    """The package beside this one: as ``nets`` where that name leads to it, else under the name of this module."""
    if not PLACE.exists() or not PLACE.read_text(encoding="utf-8").startswith(MARK):
        raise ImportError(
            f"{PLACE.parent} is not the package nets of autograd_lite, but another of that name or none: "
            "pip uninstall nets, then install autograd_lite again"
        )
    if not leads_here():
        spec = spec_from_file_location(__name__, PLACE, submodule_search_locations=[str(PLACE.parent)])
        assert spec is not None and spec.loader is not None
        found = sys.modules[__name__] = module_from_spec(spec)
        spec.loader.exec_module(found)
        return found
    found = import_module("nets")
    for name, module in list(sys.modules.items()):  # so that no module of it is loaded a second time
        if name.startswith("nets."):
            sys.modules[f"autograd_lite.{name}"] = module
    return found


sys.modules[__name__] = find()

"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import shutil
from os import PathLike
from pathlib import Path
from threading import get_ident


def write_file(path: str | PathLike[str], content: bytes) -> Path:
    """Write a file beside `path`, make sure that it is on the disk, and put it in place.

    Whatever happens meanwhile, a full disk, Ctrl-C or the end of the process: there is the older file or the new one. `render`
    writes pictures like this, and `nets.save` networks.

    Parameters
    ----------
    path : str or path
        A link stays one, and what it leads to is replaced; a device or a pipe is written to.
    content : bytes

    Returns
    -------
    pathlib.Path

    Raises
    ------
    OSError
        If the file cannot be written; the error has its name, and what was there is as it was.

    Examples
    --------
    >>> import tempfile
    >>> import autograd_lite as ag
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ag.write_file(f"{folder}/notes.txt", b"a whole file").read_text()
    'a whole file'
    """
    if not isinstance(content, bytes):
        raise TypeError(f"content is bytes, as in text.encode(), not {type(content).__name__}")
    path = as_path(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_bytes(content)
        return path
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name[:40]}.{os.getpid()}.{get_ident()}.part")
    try:
        try:
            with open(beside, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            if target.exists():
                shutil.copymode(target, beside)
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise type(error)(error.errno, f"cannot be written: {error.strerror}; what was there is as it was", str(path)) from error
    return path


def as_path(path: str | PathLike[str]) -> Path:
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"path is where the file stands, a string or a pathlib.Path, not {path!r}")
    return Path(path)

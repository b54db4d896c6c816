"""Files: what is written is there whole or not at all, and what is read is believed when it is checked."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from nets import MLP, Linear, Sequential, Softmax, Tanh, TwoLayerNet, load, save

# Written ------------------------------------------------------------------------------------------------------------

NETS = [TwoLayerNet(3, 4, 1, seed=0), TwoLayerNet(3, 50, 1, seed=1)]


def picture(k: int) -> Tensor:
    return Tensor([1.0, 2.0], requires_grad=True, name="abc"[k]) * 2.0


WRITERS: dict[str, Callable[[Path, int], Path]] = {
    "save": lambda path, k: save(NETS[k], path),
    "render": lambda path, k: ag.render(picture(k), path),
    "write_file": lambda path, k: ag.write_file(path, bytes([k]) * 100_000),
}
pytest.importorskip("graphviz")


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_destroys_nothing(name: str, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the write itself fails, in the middle."""
    resource = pytest.importorskip("resource")
    write = WRITERS[name]
    path = write(tmp_path / "file.gv", 0)
    before = path.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
        with pytest.raises(OSError, match=r"cannot be written: .*; what was there is as it was: .*file\.gv"):
            write(path, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["file.gv"]


def test_what_a_path_leads_to(tmp_path: Path) -> None:
    """Links stay links, permissions stay, pipes are written to, and a folder is refused."""
    target, link = tmp_path / "target", tmp_path / "link"
    ag.write_file(target, b"1")
    (tmp_path / "as usual").write_bytes(b"1")
    assert target.stat().st_mode == (tmp_path / "as usual").stat().st_mode
    target.chmod(0o640)
    link.symlink_to(target)
    ag.write_file(link, b"22")
    assert link.is_symlink() and target.read_bytes() == b"22" and target.stat().st_mode & 0o777 == 0o640
    with pytest.raises(OSError, match="cannot be written"):
        ag.write_file(tmp_path, b"")
    ag.write_file(os.devnull, b"3")
    ag.write_file(tmp_path / ("ä" * 120), b"4")  # as long as names may be
    assert not list(tmp_path.glob("*.part"))


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {root!r} + "/tests"]
from test_files import WRITERS
from autograd_lite.drawing import files

def die_at(n):
    def trace(frame, event, _):
        nonlocal n
        if frame.f_code.co_filename != files.__file__:
            return None
        if event == "line":
            n -= 1
            if n == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)

path, write, alive, n = Path({path!r}), WRITERS[{name!r}], 0, 0
while not alive:
    n += 1
    write(path, 0)
    child = os.fork()
    if not child:
        die_at(n)
        write(path, 1)
        os._exit(0)
    alive = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    print(path.read_bytes().hex())
    for part in path.parent.glob(".*.part"):  # of one that was killed
        part.unlink()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the process that is killed is a fork")
@pytest.mark.parametrize("name", ["save", pytest.param("render", marks=pytest.mark.long)])
def test_a_process_killed_at_any_line_leaves_the_old_file_or_the_new(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file.gv"
    code = KILLED.format(root=str(Path(__file__).parents[1]), path=str(path), name=name)
    left = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    old, new = (WRITERS[name](path, k).read_bytes().hex() for k in (0, 1))
    assert len(left) > 10 and set(left) == {old, new}


LOOP = """
import sys
sys.path[:0] = [{root!r}, {root!r} + "/tests"]
from test_files import WRITERS, Path
print("ready", flush=True)
while True:
    for k in (0, 1):
        WRITERS["save"](Path({path!r}), k)
"""


@pytest.mark.long
def test_saving_in_a_loop_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    """200 processes, each killed at some moment of its loop."""
    path = tmp_path / "file"
    WRITERS["save"](path, 0)
    chance = random.Random(0)
    for _ in range(200):
        code = LOOP.format(root=str(Path(__file__).parents[1]), path=str(path))
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            for _ in range(chance.randrange(3000)):
                os.sched_yield()
            process.kill()
        assert load(path).sizes in ((3, 4, 1), (3, 50, 1))


# Read ---------------------------------------------------------------------------------------------------------------


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archived(parts: dict[str, bytes]) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


def damaged(content: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, cut out or doubled."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) or 1)
        if (kind := chance.random()) < 0.7:
            changed[at : at + 1] = [chance.randrange(256)]
        elif kind < 0.85:
            del changed[at : at + chance.randrange(1, 100)]
        else:
            changed[at:at] = changed[at : at + 40]
    return bytes(changed)


STRANGE: list[Any] = [
    None, True, -1, 0, 1, 2**31, 10**30, 1e308, float("nan"), "", "<f8", "O", "<U9", "(9999,)f8", "x" * 50, [], [1], [[]],
    {}, {"a": 1}, [2, 3], "Tanh", "Linear", "__class__",
]  # fmt: skip


def redescribed(parts: dict[str, bytes], chance: random.Random) -> None:
    """Another description of the network, in a file that is sound."""
    description = json.loads(str(np.load(BytesIO(parts["network.npy"]))))
    for _ in range(chance.randint(1, 3)):
        place: Any = description
        key: Any = chance.choice(sorted(place))
        while isinstance(place[key], (list, dict)) and place[key] and chance.random() < 0.7:
            place = place[key]
            key = chance.choice(sorted(place)) if isinstance(place, dict) else chance.randrange(len(place))
        if chance.random() < 0.2 and isinstance(place, dict):
            del place[key]
            break
        place[key] = deepcopy(chance.choice(STRANGE))
    file = BytesIO()
    np.save(file, np.array(json.dumps(description)))
    parts["network.npy"] = file.getvalue()


def mutants(wholes: list[bytes], n: int) -> Iterator[bytes]:
    """Saved networks with bytes, members or descriptions changed; in half of them the checksums are right again."""
    chance = random.Random(0)
    for _ in range(n):
        whole = chance.choice(wholes)
        kind = chance.random()
        if kind < 0.5:
            yield damaged(whole, chance)
            continue
        parts = members(whole)
        name = chance.choice(sorted(parts))
        if kind < 0.75:
            parts[name] = damaged(parts[name], chance)
        elif kind < 0.95:
            redescribed(parts, chance)
        elif kind < 0.98:
            parts[name[: chance.randrange(1, len(name))]] = parts.pop(name)
        else:
            parts[name] = members(chance.choice(wholes)).get(name, b"")
        yield archived(parts)


@pytest.mark.parametrize("n", [150, pytest.param(5000, marks=pytest.mark.long)])
def test_loading_a_file_of_any_bytes_gives_a_network_or_one_error(n: int, tmp_path: Path) -> None:
    nets = [TwoLayerNet(3, 4, 1, seed=0), MLP([2, 2], hidden=Tanh, seed=0)]
    wholes = [
        save(net, tmp_path / "net").read_bytes() for net in (*nets, Sequential(Linear(2, 2, seed=0), Tanh(), Softmax()))
    ]
    path = tmp_path / "mutant"
    refused = 0
    tracemalloc.start()
    try:
        for content in mutants(wholes, n):
            path.write_bytes(content)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                net = load(path)
            except ValueError as error:
                refused += 1
                assert "\n" not in str(error) and str(error).startswith(f"{path} is not a network"), error
            else:
                assert all(p.size < 100 for p in net.parameters().values())
            assert tracemalloc.get_traced_memory()[1] - before < 1_000_000
    finally:
        tracemalloc.stop()
    assert refused > 0.8 * n

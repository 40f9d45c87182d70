"""Files are there whole or not at all, in whatever place they are to be written, and on whatever system."""

from __future__ import annotations

import ast
import os
import stat
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from qalens import files
from qalens.errors import InputError, QalensError
from qalens.files import as_path, folder_made, sync_file, write_file, written


def there(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("content", [b"", b"\x00\xff", "", "Ada\r\nkept\n", "灯台 é 😀", "x" * 1_000_000])
def test_what_is_written_is_there_as_it_was_given(tmp_path, content):
    path = write_file(tmp_path / "a", content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert there(tmp_path) == ["a"]


def test_a_lone_surrogate_takes_nothing_down(tmp_path):
    assert write_file(tmp_path / "a", "the \ud800 lamp \udcff").read_bytes() == b"the ? lamp ?"


FAULTS = [KeyboardInterrupt(), MemoryError(), ValueError("a bug"), InputError("of ours")]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("old", [None, b"the old one"])
def test_what_stood_there_stays_where_writing_fails(tmp_path, fault, old):
    path = tmp_path / "a"
    if old is not None:
        path.write_bytes(old)

    def fail():
        with written(path) as file:
            file.write(b"half of the new")
            raise fault

    with pytest.raises(type(fault)):
        fail()
    assert there(tmp_path) == ([] if old is None else ["a"])
    assert old is None or path.read_bytes() == old


def test_what_stood_there_stays_while_it_is_written(tmp_path):
    path = write_file(tmp_path / "a", "old")
    with written(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def in_place(tree: ast.AST) -> list[str]:
    """The calls of some code that write over a file where it stands, so that a full disk or a kill leaves half of it."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [(getattr(call.func, "attr", getattr(call.func, "id", "")), call) for call in calls]
    modes = [str(getattr(one, "value", "")) for name, call in named if name == "open" for one in call.args]
    writes = [mode for mode in modes if "w" in mode and set(mode) <= set("wbt+")]
    return [name for name, _ in named if name in ("write_text", "write_bytes")] + writes


def test_nothing_else_writes_a_file_in_place():
    assert in_place(ast.parse('a.write_text("b")\nopen("a", "wb")\nopen("w.txt")')) == ["write_text", "wb"]
    package = Path(files.__file__).parent
    code = {file: ast.parse(file.read_text(encoding="utf-8")) for file in package.rglob("*.py")}
    assert [file.name for file, tree in code.items() if in_place(tree)] == ["files.py"]


def test_many_threads_may_write_one_file(tmp_path):
    contents = [str(k) * 200_000 for k in range(6)]
    threads = [threading.Thread(target=write_file, args=(tmp_path / "a", one)) for one in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_text() in contents
    assert there(tmp_path) == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="permissions and pipes of POSIX")
def test_a_file_hands_on_its_permissions_and_a_new_one_has_the_usual(tmp_path):
    before = os.umask(0o027)
    try:
        new = write_file(tmp_path / "new", "a")
    finally:
        os.umask(before)
    old = write_file(tmp_path / "old", "a")
    old.chmod(0o604)
    write_file(old, "b")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (new, old)] == [0o640, 0o604]


@pytest.mark.skipif(os.name == "nt", reason="links need a permission there")
def test_links_are_followed(tmp_path):
    write_file(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "ahead").symlink_to("not there yet")
    write_file(tmp_path / "link", "new")
    write_file(tmp_path / "ahead", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == (tmp_path / "not there yet").read_text() == "new"


@pytest.mark.skipif(os.name == "nt", reason="devices of POSIX")
def test_what_is_no_file_is_written_as_it_is(tmp_path):
    write_file("/dev/null", "a")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    os.mkfifo(tmp_path / "pipe")
    heard = []
    reader = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_file(tmp_path / "pipe", "Ada")
    reader.join()
    assert heard == [b"Ada"]


def test_a_name_as_long_as_a_name_may_be(tmp_path):
    assert write_file(tmp_path / ("n" * 255), "a").read_text() == "a"


PLACES = {
    "a folder that is not there": "none/a",
    "below a file": "file/a",
    "a folder": ".",
    "too long": "n" * 300,
    "a loop": "loop/a",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=list(PLACES))
def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path, place):
    write_file(tmp_path / "file", "a")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(QalensError, match=r"cannot be written: .* An existing file is untouched"):
        write_file(tmp_path / place, "b")
    assert there(tmp_path) == ["file", "loop"]


NO_PATHS = ["a\0b", b"a", None, 3, ["a"], "\ud800"]


@pytest.mark.parametrize("given", NO_PATHS, ids=repr)
@pytest.mark.parametrize("use", [write_file, lambda path, _: folder_made(path)], ids=["write", "folder"])
def test_what_is_no_path_is_refused(given, use):
    with pytest.raises(InputError, match=r"The place of a file has to be a path, but .* is none"):
        use(given, "a")


def test_odd_names_are_paths(tmp_path):
    for name in ("\udcff", "😀", "a\nb", " "):
        assert as_path(tmp_path / name, "It") == tmp_path / name


# --- other systems, simulated --------------------------------------------------------------------------------------


class Windows:
    """The module os as Windows has it, as far as files are concerned: folders cannot be opened."""

    name = "nt"

    def __getattr__(self, name):
        return getattr(os, name)

    def open(self, path, flags, *more):
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied", str(path))
        return os.open(path, flags, *more)


def test_on_windows_no_folder_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "os", Windows())
    path = write_file(tmp_path / "a", "Ada\n")
    sync_file(path)
    assert path.read_bytes() == b"Ada\n"


@pytest.mark.parametrize("refused", [False, True])
def test_on_macos_the_drive_itself_is_asked_to_write(tmp_path, monkeypatch, refused):
    asked = []

    def fcntl(handle, command):
        asked.append(command)
        if refused:
            raise OSError(25, "Inappropriate ioctl for device")

    monkeypatch.setitem(sys.modules, "fcntl", SimpleNamespace(fcntl=fcntl, F_FULLFSYNC=51))
    monkeypatch.setattr(files, "sys", SimpleNamespace(platform="darwin"))
    synced = []
    real = os.fsync
    monkeypatch.setattr(files.os, "fsync", lambda handle: synced.append(os.fstat(handle)) or real(handle))
    write_file(tmp_path / "a", "Ada")
    assert asked == [51]
    # The folder always by fsync; the file too, where the drive knows no better.
    assert len(synced) == (2 if refused else 1)

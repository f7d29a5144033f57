"""Whatever is wrong with the cache, training works and gives the same numbers; one warning says what is wrong."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from endtoend.helpers import HERE
from endtoend.test_training import TRAIN, environment


class Outcome:
    """What a process that trains says: the hash of its parameters, and its warnings."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        assert done.returncode == 0, done.stderr
        self.digest, imported = done.stdout.splitlines()
        self.compiled = imported.startswith("True")
        self.warnings = [line for line in done.stderr.splitlines() if "cellc's cache" in line]
        assert "Traceback" not in done.stderr


def train(folder: Path | str, before: Callable[[], None] | None = None, **changes: str) -> Outcome:
    """Trains in a process whose cache is in `folder`, with all warnings shown."""
    env = environment(CELLC_CACHE_DIR=str(folder), PYTHONWARNINGS="always", **changes)
    command = [sys.executable, "-c", TRAIN, "mlp", "3"]
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=120, preexec_fn=before)
    return Outcome(done)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A cache that holds what the training needs, and the right answer."""
    folder = tmp_path_factory.mktemp("filled") / "cache"
    first, second = train(folder), train(folder)
    assert first.compiled
    assert not second.compiled
    assert not first.warnings + second.warnings
    assert first.digest == second.digest
    return folder, first.digest


@pytest.fixture
def copied(filled: tuple[Path, str], tmp_path: Path) -> Path:
    shutil.copytree(filled[0], tmp_path / "cache")
    return tmp_path / "cache"


def assert_compiles_again(outcome: Outcome, filled: tuple[Path, str], warned: str | None) -> None:
    assert outcome.digest == filled[1]
    assert outcome.compiled
    if warned is None:
        assert outcome.warnings == []
    else:
        assert len(outcome.warnings) == 1, outcome.warnings
        assert warned in outcome.warnings[0]
        assert "cache.py" not in outcome.warnings[0].partition(" RuntimeWarning")[0], "it names the user's line"


def without_override() -> None:
    """Lets permissions hold for root as well: the right to override them is gone after exec (PR_CAPBSET_DROP)."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


@pytest.fixture
def permissions_hold(tmp_path: Path) -> None:
    (tmp_path / "probe").mkdir(0o500)
    probe = ["touch", str(tmp_path / "probe/file")]
    if subprocess.run(probe, preexec_fn=without_override, capture_output=True).returncode == 0:
        pytest.skip("this user can write everywhere, and cannot give up the right")


@pytest.mark.usefixtures("permissions_hold")
def test_a_read_only_cache_is_read(copied: Path, filled: tuple[Path, str]):
    """What is in it is used; only what is not there is compiled."""
    for path in copied.iterdir():
        path.chmod(0o400)
    copied.chmod(0o500)
    outcome = train(copied, without_override)
    assert (outcome.digest, outcome.compiled, outcome.warnings) == (filled[1], False, [])


@pytest.mark.usefixtures("permissions_hold")
def test_an_empty_read_only_cache(tmp_path: Path, filled: tuple[Path, str]):
    (tmp_path / "cache").mkdir(0o500)
    assert_compiles_again(train(tmp_path / "cache", without_override), filled, "cannot be written (Permission denied)")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to somebody else")
def test_a_cache_that_somebody_else_owns_is_not_used(copied: Path, filled: tuple[Path, str]):
    """What is in it would be executed."""
    os.chown(copied, 12345, 12345)
    before = sorted(path.name for path in copied.iterdir())
    assert_compiles_again(train(copied), filled, "another user owns it")
    assert sorted(path.name for path in copied.iterdir()) == before


def test_a_cache_that_others_can_write_to_is_not_used(copied: Path, filled: tuple[Path, str]):
    copied.chmod(0o777)
    assert_compiles_again(train(copied), filled, "other users can write to it")


def test_a_full_disk(tmp_path: Path, filled: tuple[Path, str]):
    """No file may grow beyond 1 KB: as on a full disk, the file can be made and then takes no more bytes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    outcome = train(tmp_path / "cache", limit)
    assert_compiles_again(outcome, filled, "cannot be written")
    assert all(path.stat().st_size < 1024 for path in (tmp_path / "cache").iterdir())
    assert not [path for path in (tmp_path / "cache").iterdir() if "writing" in path.name]


@pytest.mark.parametrize("place", ["a file", "nowhere", "a loop"])
def test_places_that_cannot_be_a_directory(place: str, tmp_path: Path, filled: tuple[Path, str]):
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    cache = {
        "a file": tmp_path / "file", "nowhere": "/proc/none/cache",
        "a loop": tmp_path / "loop/cache",
    }[place]  # fmt: skip
    assert_compiles_again(train(cache), filled, "is not used")


DAMAGE: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: b"",
    lambda data: data[: len(data) // 2],
    lambda data: data[:-5] + bytes([data[-5] ^ 1]) + data[-4:],
    lambda data: b"\0" * len(data),
    lambda data: data + b"\0",
)


def test_damaged_entries_are_compiled_again(copied: Path, filled: tuple[Path, str]):
    entries = sorted(copied.iterdir())
    assert len(entries) >= len(DAMAGE)
    for number, path in enumerate(entries):
        path.write_bytes(DAMAGE[number % len(DAMAGE)](path.read_bytes()))
    assert_compiles_again(train(copied), filled, None)
    repaired = train(copied)
    assert (repaired.digest, repaired.compiled) == (filled[1], False)


def test_entries_under_each_others_names_are_compiled_again(copied: Path, filled: tuple[Path, str]):
    entries = sorted(copied.iterdir())
    contents = [path.read_bytes() for path in entries]
    for path, content in zip(entries, contents[1:] + contents[:1], strict=True):
        path.write_bytes(content)
    assert_compiles_again(train(copied), filled, None)


def test_entries_that_are_directories(copied: Path, filled: tuple[Path, str]):
    for path in copied.iterdir():
        path.unlink()
        path.mkdir()
    assert_compiles_again(train(copied), filled, "cannot be written")


def test_no_cache_at_all(tmp_path: Path, filled: tuple[Path, str]):
    assert_compiles_again(train(tmp_path / "cache", CELLC_CACHE="0"), filled, None)
    assert not (tmp_path / "cache").exists()


def test_two_processes_fill_one_cache(tmp_path: Path, filled: tuple[Path, str]):
    env = environment(CELLC_CACHE_DIR=str(tmp_path / "cache"), PYTHONWARNINGS="always")
    command = [sys.executable, "-c", TRAIN, "mlp", "3"]
    running = [
        subprocess.Popen(command, cwd=HERE, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in running:
        said, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert said.split()[0] == filled[1]
        assert "Warning" not in errors
    assert not train(tmp_path / "cache").compiled

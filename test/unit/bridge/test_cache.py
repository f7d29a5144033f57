"""The cache on disk: never an error, never trusted blindly."""

import os
import warnings
from pathlib import Path

import pytest

from cellc.targets.cpu import cache

KEY = cache.key("some", b"kernel")


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache"
    monkeypatch.setenv("CELLC_CACHE_DIR", str(path))
    monkeypatch.delenv("CELLC_CACHE", raising=False)
    monkeypatch.setattr(cache, "_warned", set())
    monkeypatch.setattr(cache, "_unchecked_bytes", {})
    return path


def test_what_is_put_can_be_got(directory: Path):
    assert cache.get(KEY) is None
    cache.put(KEY, b"content")
    assert cache.get(KEY) == b"content"
    assert directory.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in directory.iterdir()] == [KEY]


def test_an_empty_entry_is_an_entry():
    cache.put(KEY, b"")
    assert cache.get(KEY) == b""


def test_keys_depend_on_each_part_and_its_place():
    keys = {cache.key("a", "b"), cache.key("b", "a"), cache.key("ab"), cache.key("a", "b", ""), cache.key("a", b"c")}
    assert len(keys) == 5
    assert cache.key("a") == cache.key(b"a")


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:-1] + b"!", lambda b: b"", lambda b: b"x" + b])
def test_a_damaged_entry_is_a_miss_and_goes(directory: Path, damage):
    cache.put(KEY, b"content")
    path = directory / KEY
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get(KEY) is None
    assert not path.exists()


def test_it_can_be_turned_off(directory: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CELLC_CACHE", "0")
    cache.put(KEY, b"content")
    assert cache.get(KEY) is None
    assert not directory.exists()


def test_a_directory_others_can_write_to_is_refused_once(directory: Path):
    cache.put(KEY, b"content")
    directory.chmod(0o770)
    with pytest.warns(RuntimeWarning, match="other users can write"):
        assert cache.get(KEY) is None
    cache.put(KEY, b"content")
    assert cache.get(KEY) is None


def test_a_directory_of_another_user_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch):
    cache.put(KEY, b"content")
    monkeypatch.setattr(os, "geteuid", lambda: directory.stat().st_uid + 1)
    with pytest.warns(RuntimeWarning, match="another user owns it"):
        assert cache.get(KEY) is None


def test_a_file_in_its_place_is_a_warning(directory: Path):
    directory.write_text("not a directory")
    with pytest.warns(RuntimeWarning, match="cache"):
        cache.put(KEY, b"content")
    assert cache.get(KEY) is None


def test_a_full_disk_is_a_warning_and_leaves_nothing(directory: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        cache.put(KEY, b"content")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.put(KEY, b"content")
    assert list(directory.iterdir()) == []


def test_the_least_recently_used_entries_make_room(directory: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cache, "LIMIT_BYTES", 16_000)
    keys = [cache.key(str(i)) for i in range(15)]
    for age, key in enumerate(keys):
        cache.put(key, bytes(1000))
        os.utime(directory / key, (age, age))
    assert cache.get(keys[0]) is not None
    for key in (cache.key("new"), cache.key("newer")):
        cache.put(key, bytes(1000))
    assert sum(path.stat().st_size for path in directory.iterdir()) <= 16_000
    assert cache.get(keys[0]) is not None
    assert cache.get(keys[1]) is None
    assert cache.get(cache.key("newer")) is not None


def test_the_default_place_is_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CELLC_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    cache.put(KEY, b"content")
    assert (tmp_path / "xdg" / "cellc" / KEY).exists()

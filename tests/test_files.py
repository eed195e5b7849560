"""A file is the old one or the new one, never half of either; reading it runs nothing."""

import os
import pickle

import numpy as np
import pytest

from tinylstm.files import FileError, cache_folder, load_arrays, replacing, save_arrays


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(b"half"), 1 // 0
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    with replacing(tmp_path / "ours") as file:
        file.write(b"x")
    (tmp_path / "ordinary").write_bytes(b"x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"cannot write .*file/model.npz"):
        save_arrays(tmp_path / "file" / "model.npz", {}, {})


def test_arrays_come_back(tmp_path):
    arrays = {"a.W": np.arange(6.0).reshape(2, 3), "b": np.array(3, np.int64)}
    save_arrays(tmp_path / "x.npz", arrays, {"name": "Für Elise"})
    again, description = load_arrays(tmp_path / "x.npz")
    assert description == {"name": "Für Elise"}
    assert all(
        np.array_equal(again[k], arrays[k]) and again[k].dtype == arrays[k].dtype for k in arrays
    )


class Trap:
    """Unpickling it would write a file."""

    def __reduce__(self):
        return (os.mkdir, ("trapped",))


@pytest.mark.parametrize("content", ["nothing", "text", "half", "pickle", "object array", "other"])
def test_other_files_are_refused(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.npz"
    save_arrays(path, {"a": np.arange(1000)}, {})
    if content == "nothing":
        path.write_bytes(b"")
    elif content == "text":
        path.write_text("hello")
    elif content == "half":
        path.write_bytes(path.read_bytes()[:-200])
    elif content == "pickle":
        path.write_bytes(pickle.dumps(Trap()))
    elif content == "object array":
        with path.open("wb") as file:
            np.savez(file, a=np.array([Trap()], object))
    else:
        np.savez(path, a=np.arange(3))
    with pytest.raises(FileError, match=r"x\.npz is damaged, or was not written by tinylstm"):
        load_arrays(path)
    assert not os.path.exists("trapped")


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        load_arrays(tmp_path / "none.npz")
    with pytest.raises(FileError, match="is a folder"):
        load_arrays(tmp_path)


def test_the_cache_is_where_one_says(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYLSTM_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TINYLSTM_CACHE")
    assert cache_folder().name == "tinylstm"

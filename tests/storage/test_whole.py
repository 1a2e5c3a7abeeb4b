import os
import stat
import threading

import pytest

from sklearn_tai.storage import lock, whole_file


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path):
    file = tmp_path / "file"
    file.write_text("old")
    os.chmod(file, 0o640)

    def stop():
        with whole_file(file) as draft:
            draft.write_text("ha")
            assert file.read_text() == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert file.read_text() == "old"
    with whole_file(file) as draft:
        draft.write_text("new")
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["file"]


def test_new_files_have_the_usual_permissions(tmp_path):
    with whole_file(tmp_path / "new") as draft:
        draft.write_text("")
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_links_and_devices(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    with whole_file(tmp_path / "link") as draft:
        draft.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_text() == "new"
    with whole_file("/dev/null") as draft:
        draft.write_text("away")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_only_leftovers_of_dead_processes_are_removed(tmp_path):
    file = tmp_path / ("x" * 255)
    if (pid := os.fork()) == 0:
        with whole_file(file) as draft:
            draft.write_text("ha")
            os._exit(0)
    os.waitpid(pid, 0)
    [left] = tmp_path.iterdir()
    with whole_file(file) as living:
        assert not left.exists()
        with whole_file(file) as draft:
            draft.write_text("first")
        living.write_text("second")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["second"]


def test_companions(tmp_path):
    for n in range(2):
        with whole_file(tmp_path / "main", "part-*") as draft:
            draft.with_name(f"part-{n}").write_text(str(n))
            draft.write_text(f"part-{n}")
    assert sorted(os.listdir(tmp_path)) == ["main", "part-1"]


def test_many_at_a_time(tmp_path):
    def write(n):
        with whole_file(tmp_path / "main", "part-*") as draft:
            draft.with_name(f"part-{n}").write_text(str(n))
            draft.write_text(f"part-{n}")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    main, part = sorted(os.listdir(tmp_path))
    assert (tmp_path / main).read_text() == part


def test_errors_name_the_file(tmp_path):
    for path in (tmp_path / "none" / "file", tmp_path / "none" / "file" / ("x" * 300)):
        with pytest.raises(OSError, match=rf"'{path}'"), whole_file(path):
            pass


def test_lock(tmp_path):
    with open(tmp_path / "file", "w") as one, open(tmp_path / "file") as other:
        assert lock(one.fileno())
        with pytest.raises(BlockingIOError):
            lock(other.fileno())
        one.close()
        assert lock(other.fileno())

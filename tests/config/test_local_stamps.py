import os

import pytest

from config.local import stamps


@pytest.fixture
def product(tmp_path, monkeypatch):
    root = tmp_path / "product"
    for name in (
        "usage/models.py",
        "config/settings/base.py",
        "constraints.txt",
        "static/css/base.css",
        "tests/x.py",
    ):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setattr(stamps, "ROOT", root)
    return root


@pytest.fixture
def state_dir(tmp_path):
    return tmp_path


def test_unchanged_code_is_not_migrated_again(product, state_dir):
    assert not stamps.code(state_dir, demo=True).is_current()
    stamps.code(state_dir, demo=True).set()

    assert stamps.code(state_dir, demo=True).is_current()
    assert not stamps.code(state_dir, demo=False).is_current()


@pytest.mark.parametrize("name", ["usage/models.py", "usage/migrations/0002_more.py", "constraints.txt"])
def test_a_changed_or_new_module_is(product, state_dir, name):
    stamps.code(state_dir, demo=True).set()
    (product / name).parent.mkdir(exist_ok=True)
    (product / name).write_text("changed")

    assert not stamps.code(state_dir, demo=True).is_current()


def test_a_changed_test_is_not(product, state_dir):
    stamps.code(state_dir, demo=True).set()
    (product / "tests/x.py").write_text("changed")

    assert stamps.code(state_dir, demo=True).is_current()


def test_static_files_are_collected_again_when_one_changed(product, state_dir):
    stamps.static_files(state_dir).set()
    assert stamps.static_files(state_dir).is_current()
    os.utime(product / "static/css/base.css", (1, 1))

    assert not stamps.static_files(state_dir).is_current()


def test_migrations_can_be_asked_for(product, state_dir):
    stamps.code(state_dir, demo=True).set()
    stamps.forget_code(state_dir)

    assert not stamps.code(state_dir, demo=True).is_current()

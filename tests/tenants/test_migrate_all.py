from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from tenants import checks
from tests.tenants.test_checks import Pooler


def test_it_migrates_nothing_over_a_connection_that_forgets_its_workspace(db, monkeypatch):
    forgetful = Pooler(backends=[1, 1, 1, 1], keeps=False)
    monkeypatch.setattr(checks, "connections", {"default": forgetful})
    out = StringIO()
    with pytest.raises(SystemCheckError, match=r"steward\.E011"):
        call_command("migrate_all", stdout=out)
    assert out.getvalue() == ""


def test_it_says_that_all_is_up_to_date(cast, db):
    out = StringIO()
    call_command("migrate_all", stdout=out)
    assert "database is up to date" in out.getvalue()

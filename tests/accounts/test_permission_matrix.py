"""The table that people read says what the code decides."""

from io import StringIO
from pathlib import Path

from django.core.management import call_command

from accounts.members import matrix
from accounts.permissions import ROLE_PERMISSIONS, Permission

DOC = Path(__file__).resolve().parents[2] / "docs" / "accounts.md"


def documented() -> str:
    return DOC.read_text().split("<!-- permissions -->\n")[1].split("<!-- /permissions -->")[0]


def test_documented_table_is_the_codes():
    assert documented() == matrix.as_markdown(), "paste what `./dev manage permission_matrix` prints"


def test_command_prints_it():
    out = StringIO()
    call_command("permission_matrix", stdout=out)
    assert out.getvalue() == matrix.as_markdown()


def test_every_permission_of_every_role_is_in_it():
    rows = {row.permission: dict(zip(matrix.ROLES, row.allowed, strict=True)) for row in matrix.rows()}
    assert set(rows) == set(Permission)
    for permission, allowed in rows.items():
        for role, may in allowed.items():
            assert may == (permission in ROLE_PERMISSIONS[role]), (permission, role)


def test_table_that_differs_is_seen(monkeypatch):
    """The control."""
    changed = {**ROLE_PERMISSIONS, "viewer": ROLE_PERMISSIONS["viewer"] | {Permission.CHAT}}
    monkeypatch.setattr(matrix, "ROLE_PERMISSIONS", changed)
    assert documented() != matrix.as_markdown()

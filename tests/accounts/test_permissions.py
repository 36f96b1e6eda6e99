"""The one permission table, and that nothing else decides."""

import pytest

from accounts import permissions
from accounts.permissions import ROLE_PERMISSIONS, Permission
from config import errors
from tests import factories

P = Permission
EXPECTED = {
    "viewer": {P.VIEW},
    "member": {P.VIEW, P.CHAT, P.ASSISTANTS_MANAGE, P.KEYS_MANAGE},
    "admin": {
        P.VIEW, P.CHAT, P.ASSISTANTS_MANAGE, P.KEYS_MANAGE, P.USAGE_VIEW, P.MEMBERS_MANAGE, P.WORKSPACE_MANAGE,
        P.BILLING_VIEW, P.AUDIT_VIEW,
    },
    "owner": set(P),
}  # fmt: skip


def test_table_is_what_was_agreed():
    assert {role: set(allowed) for role, allowed in ROLE_PERMISSIONS.items()} == EXPECTED


def test_every_role_has_a_row():
    assert set(ROLE_PERMISSIONS) == set(factories.Role.values)


def test_each_role_may_what_the_lesser_one_may():
    rows = [ROLE_PERMISSIONS[role] for role in ("viewer", "member", "admin", "owner")]
    assert all(lesser <= greater for lesser, greater in zip(rows, rows[1:], strict=False))


@pytest.mark.parametrize("permission", list(Permission))
@pytest.mark.parametrize("role", ["viewer", "member", "admin", "owner"])
def test_check_allows_exactly_the_table(cast, role, permission):
    member = getattr(cast, role).member
    if permission in EXPECTED[role]:
        permissions.check(member, permission)
        return
    with pytest.raises(errors.Forbidden) as raised:
        permissions.check(member, permission)
    assert raised.value.data == {"needs": permission.value}


def test_nobody_is_not_signed_in():
    with pytest.raises(errors.NotSignedIn) as raised:
        permissions.check(None, Permission.VIEW)
    assert raised.value.status == 401


def test_workspace_view_without_a_permission_never_runs(db, owner, monkeypatch):
    """Forgetting `@requires` must fail closed, whoever asks."""
    from assistants import dashboard

    monkeypatch.delattr(dashboard.dashboard, "permission")
    client = owner.browser(raise_request_exception=False)
    response = client.get("/w/acme/")
    assert response.status_code == 500
    assert b"Steward" in response.content
    assert b"greeting" not in response.content


def test_api_view_without_a_row_for_the_method_is_refused(db, owner, monkeypatch):
    from assistants.builder import api

    monkeypatch.setattr(api.AssistantList, "required_permissions", {})
    client = factories.with_key(factories.make_key(owner.member), raise_request_exception=False)
    assert client.get("/api/v1/assistants").status_code >= 400


def test_role_change_counts_from_the_next_request(db, acme):
    user = factories.make_user()
    factories.join(acme, user, "viewer")
    client = factories.sign_in(user)
    assert client.get("/w/acme/assistants/new/").status_code == 403
    user.memberships.update(role="member")
    assert client.get("/w/acme/assistants/new/").status_code == 200

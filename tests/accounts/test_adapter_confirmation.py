"""A confirmation whose workspace cannot be made leaves nothing, so that the link works again."""

import re

import pytest
from allauth.account.models import EmailAddress

from accounts import services
from accounts.models import User
from tests import factories, mails


def test_a_failed_creation_takes_the_confirmation_back(committed, monkeypatch):
    address = f"new-{factories.secrets.token_hex(5)}@example.test"
    client = factories.browser()
    client.post("/accounts/signup/", {"email": address, "password1": factories.PASSWORD})
    path = (
        "/accounts"
        + re.findall(r"https?://\S+", mails.deliver("rendered")[-1].body)[0].split("/accounts", 1)[1]
    )

    def fail(user: User) -> None:
        raise OSError("no room for a schema")

    with monkeypatch.context() as broken:
        broken.setattr(services, "ensure_personal_workspace", fail)
        with pytest.raises(OSError, match="no room"):
            client.post(path)
    assert not EmailAddress.objects.get(email=address).verified
    client.post(path)
    assert EmailAddress.objects.get(email=address).verified
    assert User.objects.get(email=address).memberships.count() == 1

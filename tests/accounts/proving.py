"""A browser whose person has just proven who they are."""

import time

from allauth.account.internal.flows import login
from django.test import Client

from accounts.models import User
from tests import factories


def sign_in(user: User, **options) -> Client:
    client = factories.sign_in(user, **options)
    session = client.session
    session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [
        {"method": "password", "email": user.email, "at": time.time(), "reauthenticated": True}
    ]
    session.save()
    return client

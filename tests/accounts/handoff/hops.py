"""What the tests of an own domain's sessions ask again and again."""

from django.test import Client

HOST = "chat.acme.test"


def parent_key(main: Client) -> str:
    return main.session.session_key


def signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200

"""Connections without a provider that runs."""

from uuid import UUID

from django.utils import timezone

from accounts.sso.models import Connection, MailDomain

CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIICoTCCAYmgAwIBAgIBATANBgkqhkiG9w0BAQsFADATMREwDwYDVQQDDAhpZHAu
dGVzdDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowEzERMA8GA1UE
AwwIaWRwLnRlc3QwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDOv6Yf
cCDHd52+ijLB/5aMpF6GaG+ONRI9sd9IxnbBmv+UtpBOv0YPnn4lhkghXWRhObwV
fCzO2Y/W5pPdU4fDXiJEajhPKdkX74YFMGVPwrNgn6tvtLuiX/JdT6oywnzdjjJQ
MLHpVbliKB85zSs8sApcil4bH+8hpGpLa++TXrPJciK35nmuqzdKjLMY2nRNx3Mu
7AzC4HxxKyONwte5c5PcQYo6MHPXnvBbVbrG9s/HycXxw0+Z9OCzCxlvh4rJVtsi
xEgDusgEj3WM1h7w1VnZ24TcNy2HAatT8XaOlLnQsFIAe0tHaj136DtYKtt1qJt3
Y4580b+Pb4MqXUObAgMBAAEwDQYJKoZIhvcNAQELBQADggEBABfVewzYj+OYyETp
WU8VCX4536HnC6sawprVybDa+AneFaa9Fa6JGh/izOdYnfi4TK9joJ6YmTOC+xYk
CyuJ9/iHcHgNKHGcAkDyW2lldiOgJDnjEf1lbQfAHVxj2LLxVyJl1J93hMXM3AS1
ku8PhdF5Uz7G4Xtd/q9TnQp9fuDFRv9mDNiJM4ZsVJ7uDSZwlNULN3TMtIyVONtJ
EqbvgYhHVB3W/XKzPZvwVD9jnJG0XZ2YxpI6bShAXvADQbceWTClDIq0/++GBVjA
/qbW5ZaJtV4SkXcGcRRNZEukrKv4FsNpPnVmJenlP208R71Nf9uwNEKNSYD4zZhs
Gu6UUFM=
-----END CERTIFICATE-----"""
BODY = "".join(CERTIFICATE.splitlines()[1:-1])


def furnish(workspace_id: UUID) -> MailDomain:
    """A proven domain and a tested SAML connection; its provider is nowhere."""
    now = timezone.now()
    Connection.objects.create(
        workspace_id=workspace_id,
        kind="saml",
        settings={
            "entity_id": "https://idp.test",
            "sso_url": "https://idp.test/sso",
            "certificates": [BODY],
            "idp_initiated": False,
        },
        state="tested",
        changed_at=now,
        tested_at=now,
    )
    return MailDomain.objects.create(
        workspace_id=workspace_id, domain=f"{workspace_id.hex}.test", proof="x" * 40, verified_at=now
    )

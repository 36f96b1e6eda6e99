"""The signature of a delivery, as Stripe makes it: `t=<instant>,v1=<HMAC-SHA256 of "t.body">`."""

import hashlib
import hmac

HEADER = "Stripe-Signature"


def sign(body: bytes, *, secret: str, at: int) -> str:
    """`at`: seconds since 1970, of the real clock: the receiver refuses what is older than five minutes."""
    digest = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"

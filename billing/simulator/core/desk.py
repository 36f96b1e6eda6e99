"""One request at the simulated service: the books it may write, the time it is, and the events it leaves behind."""

import json
from typing import Any

from billing.simulator.core import ids
from billing.simulator.core.errors import Json, missing
from billing.simulator.store import Books, Row

API_VERSION = "2026-08-26.dahlia"
LIVEMODE = False

# The object that something belongs to besides a customer.
PARENTS = {
    "charge": "payment_intent",
    "checkout.session": "subscription",
    "invoice_payment": "invoice",
    "invoiceitem": "invoice",
    "price": "product",
    "refund": "charge",
    "subscription_item": "subscription",
    "subscription_schedule": "subscription",
}
# A second name that objects are found by.
KEYS = {
    "billing.meter": "event_name",
    "billing.meter_event": "identifier",
    "customer": "email",
    "entitlements.feature": "lookup_key",
    "event": "type",
    "payment_method": "type",
    "price": "lookup_key",
    "promotion_code": "code",
}
# Events are named after objects, with these exceptions.
EVENT_NAMES = {
    "subscription": "customer.subscription",
    "tax_id": "customer.tax_id",
}


def copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def differences(before: Json, after: Json) -> Json:
    """What an event of a change tells: the former values of what is different, hash by hash; arrays as a whole."""
    found: Json = {}
    for name in before.keys() | after.keys():
        was, is_now = before.get(name), after.get(name)
        if was == is_now:
            continue
        if isinstance(was, dict) and isinstance(is_now, dict):
            found[name] = differences(was, is_now)
        else:
            found[name] = was
    return found


class Desk:
    """`get`, `need` and `newest` give objects as they stand in the books: change one and `save` it (or `changed`, which
    also tells the world)."""

    def __init__(
        self, books: Books, now: int, *, request_id: str | None = None, idempotency_key: str | None = None
    ) -> None:
        self.books, self.now = books, now
        self.request_id, self.idempotency_key = request_id, idempotency_key
        self.has_told = False

    def get(self, kind: str, id: str) -> Json | None:
        row = self.books.get(kind, id)
        return row.data if row and not row.data.get("deleted") else None

    def need(self, kind: str, id: str, param: str = "id") -> Json:
        found = self.get(kind, id)
        if found is None:
            raise missing(kind.rsplit(".", 1)[-1].replace("payment_method", "PaymentMethod"), id, param)
        return found

    def row(self, obj: Json) -> Row:
        row = self.books.get(obj["object"], obj["id"])
        assert row is not None, obj["id"]
        return row

    def meta(self, obj: Json) -> Json:
        """What the service knows of an object and does not show. Changes are kept by `save`."""
        return self.row(obj).meta

    def newest(self, kind: str, **wanted: Any) -> list[Json]:
        """Newest first; what was deleted is left out."""
        return [row.data for row in self.books.find(kind, **wanted) if not row.data.get("deleted")]

    def oldest(self, kind: str, **wanted: Any) -> list[Json]:
        return self.newest(kind, oldest_first=True, **wanted)

    def add(self, obj: Json, *, due_at: int | None = None, **meta: Any) -> Json:
        self._write(Row(obj["object"], obj["id"], obj, meta, due_at=due_at))
        return obj

    def create(self, obj: Json, *, due_at: int | None = None, **meta: Any) -> Json:
        """Adds it and tells of it."""
        self.add(obj, due_at=due_at, **meta)
        self.emit("created", obj)
        return obj

    def imagine(self, obj: Json) -> None:
        """An object for the rest of this request only; it is never written."""
        self.books.lend(Row(obj["object"], obj["id"], obj))

    def save(self, obj: Json) -> Json:
        self._write(self.row(obj))
        return obj

    def schedule(self, obj: Json, due_at: int | None) -> None:
        """Something happens to this object when the clock says `due_at`."""
        row = self.row(obj)
        row.due_at = due_at
        self._write(row)

    def changed(self, obj: Json, before: Json, event: str = "updated") -> Json:
        """Saves and tells what is different from `before`, a `copy` taken earlier; nothing when nothing is."""
        self.save(obj)
        previous = differences(before, obj)
        if previous:
            self.emit(event, obj, previous)
        return obj

    def delete(self, obj: Json) -> Json:
        """What stays of it: its id. Its event shows it as it was."""
        last = copy(obj)
        gone = {"id": obj["id"], "object": obj["object"], "deleted": True}
        obj.clear()
        obj.update(gone)
        row = self.books.get(gone["object"], gone["id"])
        assert row is not None
        row.key = row.status = ""
        row.due_at = None
        self.books.write(row)
        self.emit("deleted", last)
        return obj

    def _write(self, row: Row) -> None:
        data, meta = row.data, row.meta
        row.created = int(data.get("timestamp") or data.get("created") or self.now)
        row.customer = ids.id_of(data.get("customer")) or meta.get("customer", "")
        row.parent = meta.get("parent") or ids.id_of(data.get(PARENTS.get(row.kind, "")))
        row.key = str(data.get(KEYS.get(row.kind, "")) or "")
        row.status = meta.get("delivery") or data.get("status") or ("active" if data.get("active") else "")
        self.books.write(row)

    def emit(self, verb: str, obj: Json, previous: Json | None = None) -> Json:
        """Appends an event. `verb` alone is of the object's own kind; with a dot in it, it is the whole type."""
        kind = obj["object"]
        name = verb if "." in verb else f"{EVENT_NAMES.get(kind, kind)}.{verb}"
        data: Json = {"object": copy(obj)}
        if previous is not None:
            data["previous_attributes"] = copy(previous)
        event = {
            "id": ids.new("event"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": LIVEMODE,
            "pending_webhooks": 1,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": name,
        }
        customer = obj["id"] if kind == "customer" else ids.id_of(obj.get("customer"))
        self.has_told = True
        self.add(event, delivery="pending", attempts=0, customer=customer, parent=str(obj.get("id") or ""))
        return event

"""The books over the database: what is written stays whatever the caller's transaction does, one request at a time."""

import subprocess
import sys
import threading

import psycopg
import pytest
import stripe
from django.conf import settings
from django.db import connection, transaction

from billing.simulator.models import SimulatedObject
from billing.simulator.store import DatabaseStore, MemoryStore, Row
from billing.simulator.transport import InProcessClient, get_core, get_store
from billing.stripe import client as stripe_client
from tests.billing.simulator.world import open_shop


@pytest.fixture(params=["memory", "database"])
def store(request):
    if request.param == "memory":
        return MemoryStore()
    return request.getfixturevalue("stripe_sim").store


def row(id: str, kind: str = "thing", **more) -> Row:
    return Row(kind, id, {"id": id, "object": kind}, **more)


def ids(rows) -> list[str]:
    return [found.id for found in rows]


def test_both_stores_find_the_same(store):
    with store.transaction() as books:
        for n in range(6):
            books.write(
                row(
                    f"t{n}",
                    customer=f"c{n % 2}",
                    status="on" if n < 4 else "off",
                    created=n,
                    due_at=n or None,
                )
            )
        assert ids(books.find("thing")) == ["t5", "t4", "t3", "t2", "t1", "t0"]
    with store.transaction() as books:
        assert ids(books.find("thing", customer="c1", oldest_first=True)) == ["t1", "t3", "t5"]
        assert ids(books.find("thing", statuses=("off",))) == ["t5", "t4"]
        assert ids(books.find("thing", created_from=2, created_to=3)) == ["t3", "t2"]
        third = books.get("thing", "t3")
        assert ids(books.find("thing", below=third.seq, limit=2)) == ["t2", "t1"]
        assert ids(books.find("thing", above=third.seq, oldest_first=True, limit=1)) == ["t4"]
        assert (books.first_due(0), books.first_due(3).id) == (None, "t1")
        # A row is the same wherever it was met.
        assert books.find("thing", created_from=3, created_to=3)[0] is third


def test_a_transaction_that_raises_leaves_nothing(store):
    with store.transaction() as books:
        books.write(row("kept"))
    with pytest.raises(ZeroDivisionError), store.transaction() as books:
        books.get("thing", "kept").data["colour"] = "red"
        books.write(books.get("thing", "kept"))
        books.write(row("lost"))
        books.flush()
        books.remove("thing", "kept")
        raise ZeroDivisionError
    with store.transaction() as books:
        assert [found.data for found in books.find("thing")] == [{"id": "kept", "object": "thing"}]


def test_a_rolled_back_request_does_not_undo_the_service(stripe_sim, db):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        kept = stripe_sim.client.v1.customers.create({"email": "a@acme.example"})
        raise ZeroDivisionError
    assert stripe_sim.client.v1.customers.retrieve(kept.id).email == "a@acme.example"
    assert SimulatedObject.objects.filter(kind="customer").count() == 1


def test_in_the_caller_s_transaction_it_would_be_undone(stripe_sim, db):
    """The control: the same row, written over the caller's own connection, is gone."""
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        SimulatedObject.objects.create(seq=10**9, kind="customer", id="cus_x")
        raise ZeroDivisionError
    assert not SimulatedObject.objects.filter(id="cus_x").exists()


def test_the_product_s_own_client_leads_here(stripe_sim):
    assert isinstance(stripe_client.http_client(), InProcessClient)
    made = stripe.Customer.create(email="a@acme.example", api_key=settings.STRIPE_SECRET_KEY)
    assert stripe_sim.client.v1.customers.retrieve(made.id).email == "a@acme.example"


def test_threads_take_turns(stripe_sim):
    shop = open_shop(stripe_sim)
    coupon = shop.ask("POST", "/coupons", percent_off=10, duration="once", max_redemptions=3)["id"]
    shop.add_card()
    answers = []

    def subscribe() -> None:
        wanted = {
            "customer": shop.customer,
            "items": [{"price": shop.pro}],
            "discounts": [{"coupon": coupon}],
        }
        answers.append(get_core().request("POST", "/v1/subscriptions", wanted).status)

    threads = [threading.Thread(target=subscribe) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [200] * 3 + [400] * 5
    assert shop.ask("GET", f"/coupons/{coupon}")["times_redeemed"] == 3
    numbers = [invoice["number"].rsplit("-")[-1] for invoice in shop.invoices()]
    assert sorted(numbers) == ["0001", "0002", "0003"]


PROCESS = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {name!r}
from billing.simulator.transport import get_core
for _ in range(25):
    path, params = "/v1/customers/{customer}/balance_transactions", {{"amount": -1, "currency": "usd"}}
    answer = get_core().request("POST", path, params)
    assert answer.status == 200, answer.body
"""


def test_processes_take_turns(stripe_sim):
    shop = open_shop(stripe_sim)
    name = settings.DATABASES["default"]["NAME"]
    command = [sys.executable, "-c", PROCESS.format(name=name, customer=shop.customer)]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert shop.ask("GET", f"/customers/{shop.customer}")["balance"] == -75


def test_a_broken_connection_is_opened_again(stripe_sim):
    stripe_sim.client.v1.customers.create({"email": "a@acme.example"})
    store = get_store()
    pid = store._connection.info.backend_pid
    with psycopg.connect(connection_string(), autocommit=True, connect_timeout=5) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert len(stripe_sim.client.v1.customers.list().data) == 1
    assert store._connection.info.backend_pid != pid


def connection_string() -> str:
    own = settings.DATABASES["default"]
    return psycopg.conninfo.make_conninfo(
        dbname=own["NAME"], user=own["USER"], password=own["PASSWORD"], host=own["HOST"], port=own["PORT"]
    )


def test_the_database_is_the_one_that_settings_name_now(stripe_sim, monkeypatch):
    stripe_sim.client.v1.customers.create({"email": "a@acme.example"})
    store = get_store()
    assert store._connection.info.dbname == connection.settings_dict["NAME"]
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", "postgres")
    with pytest.raises(psycopg.errors.UndefinedTable), store.transaction():
        pass
    monkeypatch.undo()
    assert len(stripe_sim.client.v1.customers.list().data) == 1


def test_another_connection_of_the_same_books_sees_it(stripe_sim):
    stripe_sim.client.v1.customers.create({"email": "a@acme.example"})
    other = DatabaseStore()
    with other.transaction() as books:
        assert len(books.find("customer")) == 1
    other.close()

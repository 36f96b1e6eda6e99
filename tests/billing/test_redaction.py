"""Objects of the payment service without names: what goes, what stays, and that nothing else is touched."""

from billing.erasure.redaction import minimised, without

CUSTOMER = {
    "object": "customer", "id": "cus_1", "email": "ada@example.test", "name": "Ada", "phone": "1", "currency": "usd",
    "address": {"line1": "1 Road", "country": "GB"}, "metadata": {"workspace_id": "w"},
}  # fmt: skip
INVOICE = {
    "object": "invoice", "customer": "cus_1", "customer_email": "ada@example.test", "customer_name": "Ada",
    "customer_address": None, "account_name": "Steward", "lines": [{"description": "Pro", "price": {"name": "Pro"}}],
    "total": 1000,
}  # fmt: skip


def test_a_customer_keeps_its_shape_and_loses_its_person():
    assert minimised(CUSTOMER) == {
        **CUSTOMER, "email": None, "name": None, "phone": None, "address": {"line1": None, "country": None},
    }  # fmt: skip


def test_what_is_sold_keeps_its_name():
    cleaned = minimised(INVOICE)
    assert cleaned == {**INVOICE, "customer_email": None, "customer_name": None}
    product = {"object": "event", "data": {"object": {"object": "product", "name": "Pro"}}}
    assert minimised(product) == product


def test_former_values_in_an_event_name_nobody_either():
    event = {
        "object": "event", "type": "customer.updated",
        "data": {"object": CUSTOMER, "previous_attributes": {"name": "Ada Before"}},
    }  # fmt: skip
    assert "Ada" not in str(minimised(event))
    assert "ada@" not in str(minimised(event))


def test_a_hash_with_the_persons_address_loses_what_stands_beside_it():
    cleaned = without(
        {"billing_details": {"email": "Ada@Example.test", "name": "A. L.", "phone": "1"}},
        ["ada@example.test"],
    )
    assert cleaned == {"billing_details": {"email": None, "name": None, "phone": None}}


def test_others_stay_as_they_are():
    other = {"email": "bob@example.test", "name": "Bob", "list": [1, None, "x"], "flag": True}
    assert without(other, ["ada@example.test"], ["Ada"]) == other


def test_a_name_alone_goes_where_it_is_the_whole_text():
    assert without({"name": "ADA", "note": "Adapter"}, ["ada@example.test"], ["Ada"]) == {
        "name": None,
        "note": "Adapter",
    }

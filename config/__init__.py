import gc

# A process begins by loading some thousand modules, of which nothing goes again, and a page makes tens of thousands of
# objects that go with it: looked through every 700 of them, both wait for that.
gc.set_threshold(20_000, 20, 50)

from config.celery import app  # noqa: E402

__all__ = ["app"]

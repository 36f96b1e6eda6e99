"""``python -m config.local.redis_stand_in PORT``: Redis in Python, for platforms without a server.

Keeps nothing over a restart. Needs ``fakeredis[lua]``, which is not a requirement of the product.
"""

import importlib
import sys

from config.local.ports import LOOPBACK


def main(port: int) -> None:
    fakeredis = importlib.import_module("fakeredis")
    fakeredis.TcpFakeServer((LOOPBACK, port), server_type="redis").serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))

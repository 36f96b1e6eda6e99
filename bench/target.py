"""The stack under test, as `./dev bench` describes it in the environment."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis

from bench import wire


@dataclass(frozen=True)
class Target:
    """`state_file` names the running processes; it changes when one is started again."""

    address: wire.Address
    simulator: wire.Address
    key: str
    demo: Mapping[str, Any]
    state_file: Path
    database_url: str
    redis_url: str

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.state_file.read_text())
        return state

    def pids(self) -> dict[str, int]:
        return {name: int(entry["pid"]) for name, entry in self.state()["processes"].items()}

    def database(self) -> psycopg.Connection:
        return psycopg.connect(self.database_url, autocommit=True, application_name="bench")

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url)

    def workspace(self) -> tuple[str, str]:
        """(id, schema) of the demo's workspace acme."""
        with self.database() as connection:
            row = connection.execute(
                "SELECT id::text, schema_name FROM tenants_workspace WHERE slug = 'acme'"
            ).fetchone()
        assert row is not None
        return str(row[0]), str(row[1])


def from_environment(environ: Mapping[str, str] = os.environ) -> Target:
    return describe(Path(environ["BENCH_STATE"]), url=environ["BENCH_BASE_URL"], environ=environ)


def describe(state_file: Path, *, url: str, environ: Mapping[str, str]) -> Target:
    demo = json.loads((state_file.parent / "demo.json").read_text())
    return Target(
        address=_address(url),
        simulator=_address(environ["SIMULATOR_URL"]),
        key=demo["acme"]["api_key"],
        demo=demo,
        state_file=state_file,
        database_url=environ["DATABASE_URL"],
        redis_url=environ["REDIS_URL"],
    )


def _address(url: str) -> wire.Address:
    parts = urlsplit(url)
    return wire.Address(parts.hostname or "127.0.0.1", parts.port or 80)

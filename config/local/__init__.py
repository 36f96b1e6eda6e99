"""Everything on one machine: private PostgreSQL and Redis, and the supervisor of all processes.

Used by ``./dev``; tests and benchmarks start the same stack through ``config.local.stack``.
See ``docs/local.md``.
"""

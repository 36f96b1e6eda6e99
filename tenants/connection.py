"""The database connection as django-tenants extends it (`tenant`, `schema_name`, `set_tenant` …); it ships no types."""

from typing import Any

from django.db import connection as _connection

connection: Any = _connection

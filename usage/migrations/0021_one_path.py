"""Functions of holds work on one search path, whoever calls them."""

from pathlib import Path

from django.db import migrations

FUNCTIONS = (Path(__file__).parents[1] / "sql" / "holds.sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("usage", "0020_visitors")]

    operations = [migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop)]

from pathlib import Path

from django.db import migrations

FUNCTIONS = (Path(__file__).parents[1] / "sql" / "holds.sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("usage", "0010_books_alarms")]

    operations = [migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop)]

from pathlib import Path

from django.db import migrations

FUNCTIONS = (Path(__file__).parents[1] / "sql" / "holds.sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("usage", "0003_limits")]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE usage_hold_ticket", "DROP SEQUENCE usage_hold_ticket"),
        # A later change of a function is a new migration that reads the file again: it replaces them all.
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
        migrations.RunSQL(
            "ALTER TABLE usage_counter SET (fillfactor = 50)", "ALTER TABLE usage_counter RESET (fillfactor)"
        ),
    ]

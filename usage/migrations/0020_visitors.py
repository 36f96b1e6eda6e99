"""Limits of chats on other sites, and of each of their visitors."""

from pathlib import Path

from django.db import migrations, models

FUNCTIONS = (Path(__file__).parents[1] / "sql" / "holds.sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("usage", "0019_further_input")]

    operations = [
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='counter',
            name='subject_kind',
            field=models.CharField(choices=[('workspace', 'Workspace'), ('person', 'Person'), ('api_key', 'API key'), ('assistant', 'Assistant'), ('project', 'Project'), ('widget', 'Widget'), ('visitor', 'Visitor'), ('platform', 'Platform')], max_length=10),
        ),
        migrations.AlterField(
            model_name='limit',
            name='subject_kind',
            field=models.CharField(choices=[('workspace', 'Workspace'), ('person', 'Person'), ('api_key', 'API key'), ('assistant', 'Assistant'), ('project', 'Project'), ('widget', 'Widget'), ('visitor', 'Visitor'), ('platform', 'Platform')], max_length=10),
        ),
    ]

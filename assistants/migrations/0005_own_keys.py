from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assistants", "0004_library")]

    operations = [
        migrations.AddField("provider", "is_local", models.BooleanField(default=False)),
        migrations.AddField("run", "provider", models.CharField(blank=True, db_default="", max_length=40)),
        migrations.AddField("run", "list_cost_micro", models.BigIntegerField(null=True)),
    ]

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assistants", "0001_initial")]

    operations = [
        migrations.AddField("run", "sent", models.JSONField(default=dict)),
        migrations.AddField("run", "receipt_id", models.UUIDField(null=True)),
    ]

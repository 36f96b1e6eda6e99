from django.db import migrations, models

from bench.ordinary_migration import LAST

COLUMN = "bench_pinned_at"
INDEX = "bench_conversation_pinned"


class Migration(migrations.Migration):
    dependencies = [("assistants", LAST)]
    operations = [
        migrations.AddField(model_name="conversation", name=COLUMN, field=models.DateTimeField(null=True)),
        migrations.AddIndex(
            model_name="conversation", index=models.Index(fields=["owner_id", COLUMN], name=INDEX)
        ),
    ]

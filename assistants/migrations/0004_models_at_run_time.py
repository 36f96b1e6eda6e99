from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assistants", "0003_assistants_that_remember")]

    operations = [
        migrations.AddField(
            "run", "served_as", models.CharField(blank=True, db_default="", max_length=120)
        ),
    ]

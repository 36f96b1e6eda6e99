from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assistants", "0003_assistants_that_remember")]

    operations = [
        migrations.AlterField(
            model_name="document",
            name="kind",
            field=models.CharField(
                choices=[("file", "File"), ("resume", "Resume"), ("given", "Given")], default="file", max_length=10
            ),
        ),
    ]

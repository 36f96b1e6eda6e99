from django.db import migrations


class Migration(migrations.Migration):
    """Upstream's name; its tables are in 0001 already."""

    dependencies = [("djstripe", "0002_2_10")]
    operations = []

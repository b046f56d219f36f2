"""How often the sensor is right: recall and false hits on real shapes and on traffic made here."""

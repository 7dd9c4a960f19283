"""Made-up countries, and campaigns counted elsewhere."""

"""What is assumed about a country and a time, with sources."""

"""What a user looks up: checks, rows, words."""

"""What each claim is worth, from the record and from studies."""

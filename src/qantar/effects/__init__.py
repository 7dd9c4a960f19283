"""What changes when one thing is different, and the rules that turn it into words."""

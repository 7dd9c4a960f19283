"""What people look at: one self-contained page and the tables beside it."""

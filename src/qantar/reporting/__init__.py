"""What of a history would have been reported: the record model, and how a history is put through it."""

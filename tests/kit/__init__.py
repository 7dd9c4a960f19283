"""What tests share: shipped results made small, worlds, malformed inputs, processes."""

"""The local page: what the command line does, for whoever would rather look than type. One folder, one machine, no other host."""

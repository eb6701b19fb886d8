"""One plug-in of each kind. Each module is small enough to be read before it is copied."""

"""Sections: what each shows, taken from the record and from nothing else. `contents` holds their order and numbers."""

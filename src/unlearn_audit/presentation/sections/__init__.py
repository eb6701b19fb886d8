"""Sections of the report, made from the record and from nothing else. `contents` holds their order and numbers."""

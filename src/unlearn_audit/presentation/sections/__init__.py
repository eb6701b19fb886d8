"""Views: what each section of the report shows, taken from the record and from nothing else."""

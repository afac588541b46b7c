"""The index over trace files: finding them, reading what is new, and keeping the tables up to date."""

"""A stand-in for REAL Bench's mail site. All text and data in it are our own. Needs nothing from the internet."""

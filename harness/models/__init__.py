"""The models that an agent asks: one protocol, one wire format a file, patience with outages. Never reads a page."""

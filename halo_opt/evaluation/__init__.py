"""Splits, paired comparison and the gate. Takes results, gives records; reads no files."""

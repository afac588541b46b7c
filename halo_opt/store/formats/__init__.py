"""The page of trace formats: examples that are data, and tables made from the readers' own names."""

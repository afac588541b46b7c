"""The claims of a model: checked against the traces, set into the report, and checked again by `verify`."""

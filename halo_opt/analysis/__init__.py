"""The analyzer: a model that questions the traces with tools and whose every claim is checked before it is read."""

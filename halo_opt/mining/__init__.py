"""Behaviours of attempts, contrasted between failures and successes, and the report of that; all without a model."""

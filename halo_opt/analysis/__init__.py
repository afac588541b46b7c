"""A model that questions traces, and what is done so that nothing it says reaches a report unchecked."""

"""Reports as files and pages: drawn from records, never a source of numbers."""

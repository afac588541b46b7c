"""Reports as JSON, Markdown and HTML, rendered from records; no number is computed here."""

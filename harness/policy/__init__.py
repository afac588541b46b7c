"""Who decides the next action: a model behind an OpenAI-compatible endpoint, or fixed rules. Never touches a page."""

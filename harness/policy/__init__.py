"""Who decides the next action: a model, or fixed rules. Never touches a page."""

"""What can be edited without touching code: settings, prompts, and where each model is reached."""

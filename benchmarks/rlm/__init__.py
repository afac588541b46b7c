"""What the analyzer by a model is measured with: lies, tokens, ablation. Not part of the wheel."""

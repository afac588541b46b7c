"""What other programs ask of halo-opt while it runs. Must never write anything but answers, and never asks a model."""

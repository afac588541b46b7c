"""What other programs ask of halo-opt while it runs: tools that read traces."""

"""The tools that an agent may call on the traces and on the harness. They only read."""

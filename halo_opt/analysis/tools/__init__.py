"""What an agent may ask of the traces and of the harness. All of it reads; nothing here can write, connect or run."""

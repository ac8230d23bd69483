"""The whole run, and what happens with a finished one. The only package that knows all layers."""

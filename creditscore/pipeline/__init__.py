"""A whole run, and every command on a finished one. The only package that knows all layers."""

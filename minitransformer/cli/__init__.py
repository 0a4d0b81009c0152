"""The minitransformer command."""

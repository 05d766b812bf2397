"""Gates to a gate plan, and the one pass that evaluates it. Import the modules, not this."""

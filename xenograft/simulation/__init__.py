"""Studies with known truth by numerical integration; shares no code with `model`."""

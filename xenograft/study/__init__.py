"""A study: arms, doses, readings, what follows from them without arithmetic, and its folder on disk."""

"""A study: arms, doses, readings, and what follows from them without arithmetic."""

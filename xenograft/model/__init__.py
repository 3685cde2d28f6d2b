"""One hypothesis: its card, its priors, and the equation and likelihood they stand for."""

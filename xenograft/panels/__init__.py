"""Many studies, one question: on average, in the next model, and in which kind of model."""

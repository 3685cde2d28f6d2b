"""The whole way as pages on the user's own machine: the same functions as the command line, no analysis of its own."""

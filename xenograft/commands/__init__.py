"""The command line: arguments, sentences and exit codes."""

"""The command line, for `python -m xenograft.cli` and the `xenograft` command; it lives in `commands`."""

from xenograft.commands.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()

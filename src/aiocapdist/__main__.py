"""Run the command line: ``python -m aiocapdist``."""

from .cli import main

if __name__ == "__main__":
    main()

"""`python -m stabbench` is the `stabbench` command."""

from stabbench.cli import main

if __name__ == "__main__":
    main()

"""`python -m tradingkb` is `tradingkb`."""

from tradingkb.cli import main

if __name__ == "__main__":
    main()

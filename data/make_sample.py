"""Makes `data/ohlcv` and `data/trials.parquet` again; see `data/README.md`.

A price file whose source package is not installed (and not below `--raw`) is kept as it is, so
that the trials can always be made from the prices in the repository.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from sample.prices import read_bars, write_prices  # noqa: E402
from sample.specs import read_grids  # noqa: E402
from sample.trials import make_trials  # noqa: E402


def arguments() -> argparse.Namespace:
    """Command line; every default lies beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ohlcv", type=Path, default=HERE / "ohlcv", help="folder of the prices")
    parser.add_argument(
        "--out", type=Path, default=HERE / "trials.parquet", help="file of the trials"
    )
    parser.add_argument("--raw", type=Path, help="folder with unpacked wheels of source packages")
    return parser.parse_args()


def main() -> None:
    """Prices first, then the trials over them."""
    args = arguments()
    print("\n".join(write_prices(args.ohlcv, args.raw)))
    series = [read_bars(path) for path in sorted(args.ohlcv.glob("*.parquet"))]
    trials = make_trials(series, read_grids(HERE / "strategies"))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    trials.write_parquet(args.out, compression="zstd", compression_level=19)
    print(f"{args.out.name}: {trials.height} trials")


if __name__ == "__main__":
    main()

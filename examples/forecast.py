"""Forecast a series: next year's sunspots, with naive forecasts beside the network's.

    python examples/forecast.py                                  yearly sunspots since 1700, 15 s
    python examples/forecast.py --series my.csv --period 12      your own, one number per line

A network reads --window values and says the next one. It never sees the last --test values in
training, and is judged on them, one step ahead, beside the last value, the value one period ago,
and linear regression on the last nine values, which is hard to beat. Next: classify.py.
"""

import argparse
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm import plots

SUNSPOTS = Path(__file__).parent / "data/sunspots.csv"
LAGS = 9  # of the linear regression


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--series", type=Path, default=SUNSPOTS, help="CSV: its last column is used")
    add("--period", type=int, default=11, help="of the naive forecast (default 11)")
    add("--window", type=int, default=24, help="values that the network reads (default 24)")
    add("--test", type=int, default=60, help="values at the end to judge (default 60)")
    add("--epochs", type=int, default=60)
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one network each")
    add("--out", type=Path, default=Path("out/forecast.png"))
    args = parser.parse_args()

    series = np.genfromtxt(args.series, delimiter=",", ndmin=2)[:, -1]  # (N + test,)
    series = series[~np.isnan(series)]  # a title is not a number
    N, T = len(series) - args.test, args.window
    if (n := N - T) < 1:
        parser.error(f"{len(series)} values are too few for --test {args.test} --window {T}")
    mean, deviation = series[:N].mean(), series[:N].std()
    windows = np.lib.stride_tricks.sliding_window_view((series - mean) / deviation, T + 1)
    x, y = windows[:, :T, None], windows[:, T:]  # (n + test, T, 1), (n + test, 1)

    def linear() -> np.ndarray:
        lags = np.c_[windows[:, T - LAGS : T], np.ones(len(windows))]  # (n + test, 10)
        weights = np.linalg.lstsq(lags[:n], y[:n, 0], rcond=None)[0]  # (10,)
        return mean + deviation * lags[n:] @ weights

    def network(seed: int) -> np.ndarray:
        layers = [tl.LSTM(32), tl.Dropout(0.2), tl.Dense(1)]
        model = tl.Sequential(layers, input_size=1, seed=seed)
        rate = tl.LearningRateScheduler(tl.cosine(0.005))
        tl.fit(model, (x[:n], y[:n]), args.epochs, loss=tl.MeanSquaredError(), callbacks=[rate])
        return mean + deviation * model.predict(x[n:])[:, 0]

    forecasts = {
        "last value": series[N - 1 : -1],
        f"value {args.period} ago": series[N - args.period : -args.period],
        f"linear, {LAGS} lags": linear(),
        **{f"LSTM, seed {seed}": network(seed) for seed in args.seeds},
    }  # (test,) each
    print(f"mean absolute and root mean squared error, one step ahead, last {args.test} values")
    for name, forecast in forecasts.items():
        error = forecast - series[N:]
        print(f"{name:>16}  {np.abs(error).mean():7.3f}  {np.sqrt((error**2).mean()):7.3f}")

    fig, axes = plots.figure(9, 4)
    axes.plot(series[N:], color=plots.INK, label="what happened")
    axes.plot(forecasts["last value"], "--", color="#9aa5b1", label="last value")
    axes.plot(forecast, color=plots.ACCENT, label=name)
    axes.set(xlabel="step of the test", title="one step ahead")
    axes.legend(frameon=False)
    plots.save(fig, args.out)
    print(f"{args.out}: the forecasts")


if __name__ == "__main__":
    main()

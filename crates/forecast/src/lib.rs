//! Ethereum fees of the next days: data, models, backtests, advice.

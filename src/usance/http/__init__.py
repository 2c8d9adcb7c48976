"""The one HTTP client: a limiter, time-outs, bounded retries, typed answers."""

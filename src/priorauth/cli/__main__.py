"""Where `priorauth` begins, and `python -m priorauth.cli`."""

from priorauth.cli.main import app


def run() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    run()

"""Where `priorauth` begins, and `python -m priorauth.cli`."""

import gc


def run() -> None:
    """Run the command line."""
    # What is imported stays for good: looking through it for garbage again and again is a fifth of a start.
    gc.disable()
    from priorauth.cli.main import app

    gc.freeze()
    gc.enable()
    app()


if __name__ == "__main__":
    run()

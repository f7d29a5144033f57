"""Every measurement of a user's waiting time, and the networks beside other frameworks: see `peers.py` for options."""

import argparse

import overhead
import peers
import startup


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    peers.add_options(parser)
    options = parser.parse_args()
    startup.show(startup.measure())
    overhead.show()
    peers.run(options)


if __name__ == "__main__":
    main()

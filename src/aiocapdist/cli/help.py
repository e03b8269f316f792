"""Help texts of commands: here and not in their docstrings, so that `--help` imports none."""

from __future__ import annotations

HELP: dict[str, tuple[str, ...]] = {
    "get": (
        "Get the capital distribution of some securities, once.",
        "For example: aiocapdist get HK.00700 US.AAPL --simulate",
        (
            "Exit codes: 0 all answered, 1 some codes failed, 2 wrong usage, 3 OpenD or the "
            "shared quota not reached, 4 the output could not be written, 130 interrupted (the "
            "answers so far are printed)."
        ),
    ),
    "watch": (
        "Show the figures of some securities as they change, until Ctrl-C.",
        "For example: aiocapdist watch HK.00700 US.AAPL --every 30 --simulate",
        "For programs, a line of JSON for each change: aiocapdist watch @list.txt | jq .main_net",
        (
            "Exit codes: 0 the time limit was reached, 2 wrong usage, 3 OpenD or the shared quota "
            "not reached, 4 the output could not be written, 130 interrupted."
        ),
    ),
    "flow": (
        "Get the capital flow of some securities: net amounts over time.",
        "For example: aiocapdist flow HK.00700 --simulate",
        "The last month, by day: aiocapdist flow HK.00700 --start 2026-11-01 --format csv",
        (
            "Exit codes: 0 all answered, 1 some codes failed, 2 wrong usage, 3 OpenD or the "
            "shared quota not reached, 4 the output could not be written, 130 interrupted."
        ),
    ),
    "record": (
        "Keep figures in a database until Ctrl-C, or export what was kept.",
        "For example: aiocapdist record HK.00700 US.AAPL --output day.sqlite",
        "And then: aiocapdist record --export day.sqlite --output day.parquet",
        (
            "Exit codes: 0 ended by Ctrl-C or exported, 2 wrong usage, 3 OpenD, the shared quota "
            "or the recording to export not reached, 4 the recording or file could not be "
            "written, 130 an export was interrupted."
        ),
    ),
    "plot": (
        "Draw net amounts over time: of a recording, or of today's capital flow.",
        "For example: aiocapdist plot HK.00700 US.AAPL --output today.png",
        "And: aiocapdist plot --recording day.sqlite --output day.svg",
        (
            "Exit codes: 0 drawn, 1 some codes are missing, 2 wrong usage, 3 OpenD, the shared "
            "quota or the recording not reached, 4 the file could not be written, 130 interrupted."
        ),
    ),
    "quota": (
        "Show a shared quota: who holds which tokens, and when the next is free.",
        "For example: aiocapdist quota --file capdist.quota",
        "It only reads: it takes no token and changes nothing.",
        "Exit codes: 0 shown, 2 wrong usage, 3 there is no such quota or it cannot be read.",
    ),
    "serve": (
        "Serve figures to browsers and programs: a live page, JSON, events and metrics.",
        "For example: aiocapdist serve HK.00700 US.AAPL --simulate",
        (
            "It listens on this machine alone. With --host it listens elsewhere, which needs a "
            "token of at least 16 characters in the environment variable AIOCAPDIST_TOKEN, and "
            "the names by which it is reached as --allow-host."
        ),
        (
            "Exit codes: 0 ended by Ctrl-C, 2 wrong usage, 3 the address cannot be listened on, "
            "4 the recording cannot be opened."
        ),
    ),
    "simulate": (
        "Run a simulated OpenD until Ctrl-C. The vendor's own clients work against it too.",
        "For example: aiocapdist simulate --port 11111",
        "Play a recording: aiocapdist simulate --replay day.sqlite --speed 60",
        "Exit codes: 0 ended by Ctrl-C, 2 wrong usage, 3 the address cannot be listened on.",
    ),
    "doctor": (
        "Say what is wrong between here and OpenD, and what to do.",
        "For example: aiocapdist doctor --address 127.0.0.1:11111",
        (
            "With --probe it also finds out, by experiment, what is not known of OpenD without an "
            "account; that takes two minutes and most of the quota."
        ),
        (
            "Costs one call of the quota. Host names, addresses and ids are hidden, so that you "
            "can share what it prints."
        ),
        (
            "Exit codes: 0 all is well, 1 a check failed, 2 wrong usage, 3 OpenD not reached, "
            "130 interrupted."
        ),
    ),
    "completion": (
        "Print a script that lets your shell complete commands and options.",
        'For example: eval "$(aiocapdist completion bash)"',
        "In fish: aiocapdist completion fish | source",
    ),
}
ARGUMENTS = {
    "get": "CODE... [OPTIONS]",
    "watch": "CODE... [OPTIONS]",
    "flow": "CODE... [OPTIONS]",
    "record": "CODE... [OPTIONS]",
    "plot": "CODE... [OPTIONS]",
    "serve": "CODE... [OPTIONS]",
    "completion": "bash|zsh|fish",
}

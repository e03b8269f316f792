"""Help texts of commands: here and not in their docstrings, so that `--help` imports none."""

from __future__ import annotations

HELP: dict[str, tuple[str, ...]] = {
    "get": (
        "Get the capital distribution of securities, once.",
        "For example: aiocapdist get HK.00700 US.AAPL --simulate",
        (
            "Exit codes: 0 all answered, 1 some codes failed, 2 wrong usage, 3 OpenD or the "
            "shared quota could not be reached, 4 the output could not be written, 130 "
            "interrupted (the answers so far are printed)."
        ),
    ),
    "watch": (
        "Show the figures of securities as they change, until Ctrl-C.",
        "For example: aiocapdist watch HK.00700 US.AAPL --every 30 --simulate",
        "For programs, a line of JSON for each change: aiocapdist watch @list.txt | jq .main_net",
        (
            "Exit codes: 0 the time limit was reached, 2 wrong usage, 3 OpenD or the shared quota "
            "could not be reached, 4 the output could not be written, 130 interrupted."
        ),
    ),
    "flow": (
        "Get the capital flow of securities: net amounts over time.",
        "For example: aiocapdist flow HK.00700 --simulate",
        "The last month, by day: aiocapdist flow HK.00700 --start 2026-11-01 --format csv",
        (
            "Exit codes: 0 all answered, 1 some codes failed, 2 wrong usage, 3 OpenD or the "
            "shared quota could not be reached, 4 the output could not be written, 130 "
            "interrupted."
        ),
    ),
    "record": (
        "Record figures in a database until Ctrl-C, or export a recording.",
        "For example: aiocapdist record HK.00700 US.AAPL --output day.sqlite",
        "And then: aiocapdist record --export day.sqlite --output day.parquet",
        (
            "Exit codes: 0 ended by Ctrl-C or exported, 2 wrong usage, 3 OpenD, the shared quota "
            "or the recording to export could not be reached, 4 the recording or file could not "
            "be written, 130 an export was interrupted."
        ),
    ),
    "plot": (
        "Draw net amounts over time: of a recording, or of today's capital flow.",
        "For example: aiocapdist plot HK.00700 US.AAPL --output today.png",
        "And: aiocapdist plot --recording day.sqlite --output day.svg",
        (
            "Exit codes: 0 drawn, 1 some codes are missing, 2 wrong usage, 3 OpenD, the shared "
            "quota or the recording could not be reached, 4 the file could not be written, 130 "
            "interrupted."
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
            "Only this machine can reach it. --host opens it to others: this needs a token of at "
            "least 16 characters in the environment variable AIOCAPDIST_TOKEN, and --allow-host "
            "with the name by which they reach it."
        ),
        (
            "Exit codes: 0 ended by Ctrl-C, 2 wrong usage, 3 cannot listen on the address, 4 the "
            "recording cannot be opened."
        ),
    ),
    "simulate": (
        "Run a simulated OpenD until Ctrl-C. The vendor's own clients can connect to it too.",
        "For example: aiocapdist simulate --port 11111",
        "Play a recording: aiocapdist simulate --replay day.sqlite --speed 60",
        (
            "Exit codes: 0 ended by Ctrl-C, 2 wrong usage, 3 cannot listen on the address, or "
            "cannot open the recording."
        ),
    ),
    "doctor": (
        "Check the connection to OpenD step by step, and say what to fix.",
        "For example: aiocapdist doctor --address 127.0.0.1:11111",
        (
            "With --probe it also finds out by experiment how OpenD counts its quota, and what it "
            "answers for each kind of security; this takes two minutes and most of the quota."
        ),
        (
            "It costs one call of the quota. Host names, addresses and ids are hidden, so that "
            "you can share the output."
        ),
        (
            "Exit codes: 0 all is well, 1 a check failed, 2 wrong usage, 3 OpenD could not be "
            "reached, 130 interrupted."
        ),
    ),
    "completion": (
        "Print a script that lets your shell complete commands and options.",
        'For example, in ~/.bashrc: eval "$(aiocapdist completion bash)"',
        'In ~/.zshrc: eval "$(aiocapdist completion zsh)"',
        "In ~/.config/fish/config.fish: aiocapdist completion fish | source",
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

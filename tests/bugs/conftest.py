"""The cases' files are reproductions that must fail: they are run by `python -m tests.bugs`, not as our tests."""

collect_ignore_glob = ["cases/*"]

"""The tests: they mirror the source tree, and `oracle` and `vectors` say what is right."""

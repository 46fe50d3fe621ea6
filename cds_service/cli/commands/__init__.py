"""The options of each command, one module a command. What a command does is in the module of `cli/` that it names."""

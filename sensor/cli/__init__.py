"""The command `shadowai`: one file a command, heavy imports inside, the only room that knows all others."""

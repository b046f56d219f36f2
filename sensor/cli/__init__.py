"""The command `shadowai`: one file per command. Heavy imports are inside the commands. Only this package
imports all others."""

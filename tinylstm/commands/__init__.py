"""The larger commands of cli.py, one file each; shared.py has what all commands share."""

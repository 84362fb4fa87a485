"""The plugins, one file each, under upstream's names. profile.py puts them in order."""

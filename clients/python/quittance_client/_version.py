"""Version of this distribution. It has the version of the gateway whose API it describes."""

__version__ = "0.1.0"

"""The version katydid reports to scripts (`katydid.__version__`); the native half is the one place
that holds it."""

from ._core import __version__ as version

__version__ = version

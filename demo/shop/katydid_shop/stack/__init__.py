"""Starts and stops everything the shop needs: see `stack.py` for the order, `__main__.py` for the
command.
"""

from katydid_shop.stack.process import Failure
from katydid_shop.stack.stack import Stack, Urls

__all__ = ["Failure", "Stack", "Urls"]

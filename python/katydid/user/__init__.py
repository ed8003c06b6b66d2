"""What a virtual user is and does: users, task sets, waiting."""

from .task import TaskSet, tag, task
from .users import HttpUser, User

__all__ = ("HttpUser", "TaskSet", "User", "tag", "task")

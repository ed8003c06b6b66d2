"""Clients beyond plain HTTP; each module stands alone and is imported only by those who use it."""
